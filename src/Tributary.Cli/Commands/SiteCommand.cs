using System.CommandLine;
using Microsoft.Extensions.Logging;
using Tributary.Cli.Telemetry;
using Tributary.Cli.Terminal;
using Tributary.Provisioning;
using Tributary.Site;

namespace Tributary.Cli.Commands;

/// <summary><c>site</c>: a site's agent as it is deployed.</summary>
internal static partial class SiteCommand
{
    private static readonly Option<string> KitFolder = new("--kit") { Description = "The site's kit: the folder that 'provision' made, or 'sign' with the site's own key in it", Required = true };
    private static readonly Option<string?> Data = new("--data") { Description = "The site's records, JSONL [default: 'data' in site.yaml]" };
    private static readonly Option<string?> Model = new("--model") { Description = "The model's checkpoint folder, with its tokenizer [default: 'model' in site.yaml]" };
    private static readonly Option<bool> Insecure = new("--insecure-loopback") { Description = "For trials on one machine: without TLS, to a server on loopback that was started so" };
    private static readonly Option<bool> Json = new("--json") { Description = "Log one JSON document a line, on stderr" };

    public static Command Create()
    {
        var start = new Command("start", "Run the site's agent until it is told to end (Ctrl-C, SIGTERM). It connects outwards only, again and again for as long as the server is away")
        {
            KitFolder, Data, Model, Insecure, Json,
        };
        start.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => StartAsync(parsed, cancellationToken)));
        return new Command("site", "A site, which trains on its own data")
        {
            SiteJobsCommand.CreateList(),
            SiteJobsCommand.CreateApprove(),
            SiteJobsCommand.CreateRefuse(),
            start.WithExamples("site start --kit kits/sites/site-1", "site start --kit /opt/tributary/clinic-a --data records.jsonl --model models/llama", "site start --kit kits/sites/site-1 --json"),
        };
    }

    private static async Task<int> StartAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        TimeProvider time = TimeProvider.System;
        using var kit = Kit.Load(parsed.GetRequiredValue(KitFolder), PartyRole.Site, time);
        using ILoggerFactory logging = LoggerFactory.Create(builder => DaemonLog.Configure(builder, parsed.GetValue(Json)));
        ILogger logger = logging.CreateLogger<SiteAgent>();
        DaemonLog.WarnOfEnd(logger, kit, time);
        SiteFile file = SiteFile.Read(kit, time);
        file = file with
        {
            DataPath = parsed.GetValue(Data) ?? file.DataPath,
            ModelFolder = parsed.GetValue(Model) ?? file.ModelFolder,
        };
        SiteOptions options = file.Options with { Logger = logger };
        if (parsed.GetValue(Insecure))
        {
            options = options with { Kit = null, Trust = kit.Trust, Token = options.Name, Server = new UriBuilder(Uri.UriSchemeHttp, "127.0.0.1", options.Server.Port).Uri };
        }

        if (!TlsVersion.Has13)
        {
            LogOldTls(logger);
        }

        using TelemetryExport? telemetry = TelemetryExport.Start(kit.Party, file.Telemetry);
        using var trainer = new SiteTrainer(file, time);
        using var agent = new SiteAgent(options, trainer, time, new Random());
        try
        {
            await agent.RunAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogEnded(logger, kit.Party);
        }

        return 0;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "this platform has no TLS 1.3, so connections use TLS 1.2")]
    private static partial void LogOldTls(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Party} has been told to end")]
    private static partial void LogEnded(ILogger logger, Party party);
}
