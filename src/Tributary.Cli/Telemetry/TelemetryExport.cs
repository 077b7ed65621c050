using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Telemetry;
using Tributary.Site.Telemetry;
using Tributary.Transport;

namespace Tributary.Cli.Telemetry;

/// <summary>
/// Sends what the libraries measure to an OpenTelemetry collector, where somebody has said where that is. The libraries know nothing of it: they
/// have activity sources and meters.
/// </summary>
internal sealed class TelemetryExport : IDisposable
{
    private const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";

    private readonly TracerProvider _traces;
    private readonly MeterProvider _metrics;

    private TelemetryExport(ResourceBuilder resource, Uri? endpoint)
    {
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(ServerTelemetry.Name, SiteTelemetry.Name)
            .AddOtlpExporter(options => Address(options, endpoint, "v1/traces")).Build();
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource)
            .AddMeter(ServerTelemetry.Name, SiteTelemetry.Name, TransportMetrics.MeterName, "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel")
            .AddOtlpExporter(options => Address(options, endpoint, "v1/metrics")).Build();
    }

    /// <summary>Begins to send; null where neither the configuration nor the environment says where to.</summary>
    /// <param name="party">Who sends.</param>
    /// <param name="endpoint">The collector, as the configuration says it; null to have the environment say it.</param>
    public static TelemetryExport? Start(Party party, Uri? endpoint)
    {
        if (endpoint is null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(EndpointVariable)))
        {
            return null;
        }

        // What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say wins.
        ResourceBuilder resource = ResourceBuilder.CreateEmpty()
            .AddService($"tributary-{Party.Word(party.Role)}", serviceVersion: ProtocolVersion.Current, serviceInstanceId: party.ToString())
            .AddTelemetrySdk().AddEnvironmentVariableDetector();
        return new TelemetryExport(resource, endpoint);
    }

    /// <summary>Sends what has not been sent, and ends.</summary>
    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
    }

    private static void Address(OtlpExporterOptions options, Uri? endpoint, string path)
    {
        // HTTP is what proxies let through; who wants gRPC says so in the environment.
        if (endpoint is not null || string.IsNullOrEmpty(Environment.GetEnvironmentVariable(ProtocolVariable)))
        {
            options.Protocol = OtlpExportProtocol.HttpProtobuf;
        }

        if (endpoint is not null)
        {
            options.Endpoint = new Uri(endpoint, path);
        }
    }
}
