using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Tributary.Transport;

/// <summary>JSON documents in requests and responses.</summary>
internal static class JsonBody
{
    /// <summary>Reads a document of at most that many bytes; or says what is wrong with it.</summary>
    public static async Task<(T? Document, Problem? Problem)> ReadAsync<T>(
        HttpContext context, JsonTypeInfo<T> type, string what, long bytesMax)
        where T : class
    {
        LimitBody(context, bytesMax);
        try
        {
            T? document = await FromClientAsync(JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted));
            return document is null ? (null, Problem.BadDocument(what, "it is null.")) : (document, null);
        }
        catch (JsonException e)
        {
            return (null, Problem.BadDocument(what, e.Message));
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, new Problem(
                e.StatusCode, ProblemTypes.BadDocument, "The document cannot be used", $"{what}: it is longer than {bytesMax} bytes."));
        }
    }

    /// <summary>
    /// What is read of a request's body. A client that goes away within it is told of in many ways (over TLS as any other fault of input and output); here it is one, so that nobody takes it for a fault of the
    /// server's own disk.
    /// </summary>
    /// <exception cref="BadHttpRequestException">The client broke off, or sent too much.</exception>
    public static async ValueTask<T> FromClientAsync<T>(ValueTask<T> reading)
    {
        try
        {
            return await reading;
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            throw new BadHttpRequestException($"The client broke off within the request: {e.Message}", e);
        }
    }

    public static async Task WriteAsync<T>(HttpContext context, int status, T document, JsonTypeInfo<T> type)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(document, type);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
        }
    }

    public static void LimitBody(HttpContext context, long bytesMax)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = bytesMax;
        }
    }
}
