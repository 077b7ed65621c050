using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Identity;

namespace Tributary.Server.Endpoints;

/// <summary>
/// The server's interface as an OpenAPI document (3.1), made from the routes themselves: what is not in it is not there. What each is for it says in
/// words, and for which roles under <c>x-roles</c>.
/// </summary>
internal static class ApiDocument
{
    public const string Path = "openapi.json";

    /// <summary>Says what documents endpoints take and give; null for none, or for bytes.</summary>
    public static T WithDocuments<T>(this T endpoints, JsonTypeInfo? takes = null, JsonTypeInfo? gives = null)
        where T : IEndpointConventionBuilder => endpoints.WithMetadata(new Documents(takes, gives));

    public static void Map(IEndpointRouteBuilder routes, Func<IEnumerable<RouteEndpoint>> all) =>
        routes.MapGet(Path, context => context.Response.WriteAsJsonAsync(Write(all()), context.RequestAborted)).WithSummary("This document");

    private static JsonObject Write(IEnumerable<RouteEndpoint> endpoints)
    {
        var paths = new JsonObject();
        var schemas = new JsonObject();
        foreach (RouteEndpoint endpoint in endpoints.OrderBy(endpoint => endpoint.RoutePattern.RawText, StringComparer.Ordinal))
        {
            string path = "/" + string.Join('/', endpoint.RoutePattern.PathSegments.Select(Text));
            JsonObject at = paths[path] as JsonObject ?? [];
            paths[path] = at;
            foreach (string method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods)
            {
                at[method.ToLowerInvariant()] = Operation(endpoint, schemas);
            }
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "Tributary server",
                ["version"] = ProtocolVersion.Current,
                ["description"] = "Over mutual TLS: who asks is whom the certificate names. Errors are application/problem+json (RFC 9457). How objects travel in parts is in docs/WIRE-FORMAT.md.",
            },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    private static JsonObject Operation(RouteEndpoint endpoint, JsonObject schemas)
    {
        Documents? documents = endpoint.Metadata.GetMetadata<Documents>();
        var answer = new JsonObject { ["description"] = "as the summary says" };
        if (documents?.Gives is { } gives)
        {
            answer["content"] = Content(gives, schemas);
        }

        var operation = new JsonObject
        {
            ["summary"] = endpoint.Metadata.GetMetadata<IEndpointSummaryMetadata>()?.Summary ?? string.Empty,
            ["x-roles"] = new JsonArray([.. RouteRoles.Of(endpoint).Select(role => (JsonNode)Party.Word(role))]),
            ["parameters"] = new JsonArray([.. endpoint.RoutePattern.Parameters.Select(Parameter)]),
            ["responses"] = new JsonObject
            {
                ["2XX"] = answer,
                ["default"] = new JsonObject { ["description"] = "a problem, with a title and a detail", ["content"] = new JsonObject { ["application/problem+json"] = new JsonObject() } },
            },
        };
        if (documents?.Takes is { } takes)
        {
            operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Content(takes, schemas) };
        }

        return operation;
    }

    private static JsonObject Content(JsonTypeInfo type, JsonObject schemas)
    {
        // A list has no name of its own.
        bool isList = type.Kind == JsonTypeInfoKind.Enumerable;
        string name = (isList ? type.ElementType! : type.Type).Name;
        if (!schemas.ContainsKey(name))
        {
            JsonNode whole = type.GetJsonSchemaAsNode();
            schemas[name] = isList ? whole["items"]!.DeepClone() : whole;
        }

        var reference = new JsonObject { ["$ref"] = $"#/components/schemas/{name}" };
        JsonObject schema = isList ? new JsonObject { ["type"] = "array", ["items"] = reference } : reference;
        return new JsonObject { ["application/json"] = new JsonObject { ["schema"] = schema } };
    }

    private static JsonNode Parameter(RoutePatternParameterPart parameter) => new JsonObject
    {
        ["name"] = parameter.Name,
        ["in"] = "path",
        ["required"] = true,
        ["schema"] = new JsonObject { ["type"] = parameter.ParameterPolicies.Any(policy => policy.Content == "int") ? "integer" : "string" },
    };

    private static string Text(RoutePatternPathSegment segment) => string.Concat(segment.Parts.Select(part => part switch
    {
        RoutePatternParameterPart parameter => $"{{{parameter.Name}}}",
        RoutePatternLiteralPart literal => literal.Content,
        _ => string.Empty,
    }));

    private sealed record Documents(JsonTypeInfo? Takes, JsonTypeInfo? Gives);
}
