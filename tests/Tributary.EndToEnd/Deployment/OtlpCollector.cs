using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>A span as a collector gets it.</summary>
internal sealed record CollectedSpan(string Service, string Name, string Trace, string Id, string Parent, IReadOnlyDictionary<string, string> Attributes, bool IsError);

/// <summary>An OpenTelemetry collector: takes OTLP over HTTP and keeps what it understands of it.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _application;

    private OtlpCollector(WebApplication application) => _application = application;

    public ConcurrentBag<CollectedSpan> Spans { get; } = [];

    /// <summary>The metrics by service, name and unit.</summary>
    public ConcurrentDictionary<(string Service, string Name, string Unit), bool> Metrics { get; } = new();

    public string Address => _application.Urls.Single();

    public static async Task<OtlpCollector> StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var collector = new OtlpCollector(builder.Build());
        collector._application.Run(collector.TakeAsync);
        await collector._application.StartAsync(cancellationToken);
        return collector;
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        bool isTraces = context.Request.Path == "/v1/traces";
        if ((!isTraces && context.Request.Path != "/v1/metrics") || context.Request.ContentType != "application/x-protobuf")
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        foreach (ProtobufFields resource in new ProtobufFields(body.ToArray()).Messages(1))
        {
            string service = Attributes(resource.Message(1)!, 1)["service.instance.id"];
            foreach (ProtobufFields item in resource.Messages(2).SelectMany(scope => scope.Messages(2)))
            {
                if (isTraces)
                {
                    Spans.Add(new CollectedSpan(
                        service, item.Text(5), Convert.ToHexString(item.Bytes(1)), Convert.ToHexString(item.Bytes(2)), Convert.ToHexString(item.Bytes(4)), Attributes(item, 9), item.Message(15)?.Number(3) == 2));
                }
                else
                {
                    Metrics[(service, item.Text(1), item.Text(3))] = true;
                }
            }
        }
    }

    /// <summary>Attributes as texts, numbers too.</summary>
    private static Dictionary<string, string> Attributes(ProtobufFields owner, int number) => owner.Messages(number).ToDictionary(
        pair => pair.Text(1), pair => pair.Message(2) is { } value && value.Has(1) ? value.Text(1) : $"{pair.Message(2)?.Number(3)}", StringComparer.Ordinal);
}
