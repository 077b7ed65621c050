using System.CommandLine;
using Microsoft.Extensions.Logging;
using Tributary.Cli.Telemetry;
using Tributary.Cli.Terminal;
using Tributary.Provisioning;
using Tributary.Server;

namespace Tributary.Cli.Commands;

/// <summary><c>server</c>: the coordinator as it is deployed.</summary>
internal static partial class ServerCommand
{
    private static readonly Option<string> KitFolder = new("--kit") { Description = "The server's kit: the folder that 'provision' made", Required = true };
    private static readonly Option<bool> Insecure = new("--insecure-loopback") { Description = "For trials on one machine: without TLS, on loopback only; a site is who it says" };
    private static readonly Option<bool> Json = new("--json") { Description = "Log one JSON document a line, on stderr" };

    public static Command Create()
    {
        var start = new Command("start", "Run the server until it is told to end (Ctrl-C, SIGTERM); it may be ended and started again at any moment") { KitFolder, Insecure, Json };
        start.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => StartAsync(parsed, cancellationToken)));
        return new Command("server", "The coordinator of a federation")
        {
            start.WithExamples("server start --kit kits/server", "server start --kit /opt/tributary/server --json", "server start --kit kits/server --insecure-loopback"),
        };
    }

    private static async Task<int> StartAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        TimeProvider time = TimeProvider.System;
        using var kit = Kit.Load(parsed.GetRequiredValue(KitFolder), PartyRole.Server, time);
        bool json = parsed.GetValue(Json);
        ServerOptions options = ServerFile.Read(kit);
        if (parsed.GetValue(Insecure))
        {
            options = options with { Kit = null, Trust = kit.Trust, Address = null, TrustsNames = true };
        }

        using ILoggerFactory logging = LoggerFactory.Create(builder => DaemonLog.Configure(builder, json));
        ILogger logger = logging.CreateLogger<TributaryServer>();
        DaemonLog.WarnOfEnd(logger, kit, time);
        using TelemetryExport? telemetry = TelemetryExport.Start(kit.Party, options.Telemetry);
        await using TributaryServer server = await TributaryServer.StartAsync(options, time, builder => DaemonLog.Configure(builder, json), cancellationToken);
        LogListening(logger, kit.Party, server.Address, options.Kit is null ? "without TLS" : TlsVersion.Has13 ? "TLS 1.3" : "TLS 1.2", Path.GetFullPath(options.Folder));
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration end = cancellationToken.Register(ended.SetResult);
        await ended.Task;
        LogEnded(logger, kit.Party);
        return 0;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Party} listens at {Address}, {Tls}; its data lies in {Folder}")]
    private static partial void LogListening(ILogger logger, Party party, Uri address, string tls, string folder);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Party} has been told to end")]
    private static partial void LogEnded(ILogger logger, Party party);
}
