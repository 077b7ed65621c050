using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Tributary.Client.Dashboard;

/// <summary>
/// Shows the server's dashboard to a browser on this machine that has no certificate: listens on loopback, and passes what the page asks on to
/// the server with the party's kit. Its address has a secret in its path, so that nobody else on the machine can use it, nor any other site's page.
/// </summary>
public sealed class DashboardForwarder : IAsyncDisposable
{
    private const int SecretBytes = 32;

    // What the page's requests need at the server. What says where they come from is checked here and means nothing there.
    private static readonly string[] Passed = ["Accept", "Accept-Encoding", "If-None-Match", "Prefer"];

    // Of a connection, not of an answer (RFC 9110, 7.6.1).
    private static readonly HashSet<string> OfConnection = new(StringComparer.OrdinalIgnoreCase) { "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade" };

    private readonly WebApplication _application;
    private readonly HttpClient _server;
    private readonly byte[] _prefix;
    private string _host = string.Empty;

    private DashboardForwarder(HttpClient server, int port)
    {
        _server = server;
        string prefix = $"/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretBytes))}/";
        _prefix = Encoding.ASCII.GetBytes(prefix);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // The page's requests have no bodies.
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        _application = builder.Build();
        _application.Run(AnswerAsync);
    }

    /// <summary>What to open in a browser; whoever knows it sees what the party sees, and does what it may do.</summary>
    public Uri Address => new($"http://{_host}{Encoding.ASCII.GetString(_prefix)}");

    /// <summary>Starts to listen.</summary>
    /// <param name="server">The connection to the server, with the party's certificate; not disposed of.</param>
    /// <param name="port">The port on loopback; 0 for any that is free.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="IOException">The port is in use, or not for this user.</exception>
    public static async Task<DashboardForwarder> StartAsync(HttpClient server, int port, CancellationToken cancellationToken)
    {
        var forwarder = new DashboardForwarder(server, port);
        try
        {
            await forwarder._application.StartAsync(cancellationToken);
            forwarder._host = new Uri(forwarder._application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Authority;
            return forwarder;
        }
        catch (Exception e) when (e is SocketException || e.InnerException is AddressInUseException)
        {
            await forwarder.DisposeAsync();
            throw new IOException($"cannot listen on 127.0.0.1, port {port}: {e.Message}; choose another one with --port, or 0 for any that is free", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        string target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (Refuse(context.Request, target) is { } refused)
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, refused);
            return;
        }

        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), target[_prefix.Length..]);
        foreach (string name in Passed)
        {
            if (context.Request.Headers.TryGetValue(name, out var value))
            {
                request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)value);
            }
        }

        try
        {
            using HttpResponseMessage response = await _server.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
            await CopyAsync(response, context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The page was left.
        }
        catch (Exception e) when (e is HttpRequestException or IOException or VersionMismatchException)
        {
            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }

            await RefuseAsync(context, StatusCodes.Status502BadGateway, Innermost(e));
        }
    }

    /// <summary>
    /// Says what is wrong with a request; null for nothing. The host is compared because a name that somebody else has brought to mean this machine
    /// would make their page this one's own (DNS rebinding).
    /// </summary>
    private string? Refuse(HttpRequest request, string target)
    {
        if (request.Host.Value != _host)
        {
            return $"This is {_host} and nothing else.";
        }

        if (target.Length < _prefix.Length || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(target[.._prefix.Length]), _prefix))
        {
            return "Open the whole address that 'tributary dashboard' has printed.";
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsPost(request.Method))
        {
            return $"The dashboard sends no {request.Method}.";
        }

        if (request.Headers.TryGetValue("Origin", out var origin) && origin != $"http://{_host}")
        {
            return "This request comes from another site's page.";
        }

        // The page itself may be opened from anywhere that knows its address, as from the file that opens the browser.
        bool opens = HttpMethods.IsGet(request.Method) && target.Length == _prefix.Length && request.Headers["Sec-Fetch-Mode"] == "navigate" && request.Headers["Sec-Fetch-Dest"] == "document";
        return opens || !request.Headers.TryGetValue("Sec-Fetch-Site", out var site) || site == "same-origin" || (site == "none" && HttpMethods.IsGet(request.Method))
            ? null
            : "This request comes from another site's page.";
    }

    private static async Task CopyAsync(HttpResponseMessage response, HttpContext context)
    {
        context.Response.StatusCode = (int)response.StatusCode;
        foreach ((string name, IEnumerable<string> values) in response.Headers.NonValidated.Select(Pair).Concat(response.Content.Headers.NonValidated.Select(Pair)))
        {
            if (!OfConnection.Contains(name))
            {
                context.Response.Headers[name] = values.ToArray();
            }
        }

        await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);

        static (string, IEnumerable<string>) Pair(KeyValuePair<string, System.Net.Http.Headers.HeaderStringValues> header) => (header.Key, header.Value);
    }

    private static Task RefuseAsync(HttpContext context, int status, string detail) => Results.Problem(detail, statusCode: status).ExecuteAsync(context);

    /// <summary>Why a handshake was refused lies below what says that it was.</summary>
    private static string Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e.Message;
}
