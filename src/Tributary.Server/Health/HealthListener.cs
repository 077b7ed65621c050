using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tributary.Server.Health;

/// <summary>
/// Health without TLS, on loopback, for what runs beside the server and has no certificate. It is an application of its own, which has no
/// other addresses, so nothing that is added to the server can ever be had there.
/// </summary>
internal sealed class HealthListener : IAsyncDisposable
{
    private readonly WebApplication _application;

    private HealthListener(WebApplication application) => _application = application;

    /// <exception cref="IOException">The port is in use.</exception>
    public static async Task<HealthListener> StartAsync(int port, Readiness readiness, Action<ILoggingBuilder> logging, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port, static listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddProblemDetails();
        logging(builder.Logging);
        WebApplication application = builder.Build();
        application.UseRouting();
        HealthEndpoints.Map(application, readiness);
        try
        {
            await application.StartAsync(cancellationToken);
            return new HealthListener(application);
        }
        catch (Exception e)
        {
            await application.DisposeAsync();
            throw e is IOException { InnerException: AddressInUseException } ? new IOException($"health_port {port} is in use; choose another one in server.yaml", e) : e;
        }
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
