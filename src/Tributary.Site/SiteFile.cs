using Tributary.Client;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Provisioning;
using Tributary.Site.Rules;

namespace Tributary.Site;

/// <summary>A trainer that a site offers.</summary>
/// <param name="Offer">Its command, and what jobs may set.</param>
/// <param name="DataPath">The records that it sees, where they are others than the site's; null where they are not.</param>
public sealed record SiteTrainerOffer(TrainerOffer Offer, string? DataPath);

/// <summary>A site's configuration, site.yaml in its kit.</summary>
public sealed record SiteFile
{
    /// <summary>How its agent runs.</summary>
    public required SiteOptions Options { get; init; }

    /// <summary>The records that it trains on, JSONL; null where it says none.</summary>
    public string? DataPath { get; init; }

    /// <summary>Whether it offers the trainer inside.</summary>
    public bool OffersBuiltin { get; init; } = true;

    /// <summary>The records of the trainer inside, where they are others than <see cref="DataPath"/>; null where they are not.</summary>
    public string? BuiltinDataPath { get; init; }

    /// <summary>The trainers that it offers beside that one, sorted by name.</summary>
    public IReadOnlyList<SiteTrainerOffer> Trainers { get; init; } = [];

    /// <summary>The model's checkpoint folder, with its tokenizer; null where it says none.</summary>
    public string? ModelFolder { get; init; }

    /// <summary>The OpenTelemetry collector that the program around the agent is to send traces and metrics to; null where it says none.</summary>
    public Uri? Telemetry { get; init; }

    /// <summary>Reads the configuration of a kit.</summary>
    /// <param name="kit">The site's kit, to whose folder paths are relative.</param>
    /// <param name="time">The clock that hours and bandwidths are of.</param>
    /// <exception cref="ProvisioningException">There is none.</exception>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static SiteFile Read(Kit kit, TimeProvider time)
    {
        string name = kit.ConfigurationPath;
        string yaml = File.Exists(name) ? File.ReadAllText(name) : throw new ProvisioningException($"{name} is not there; a kit as 'provision' makes it has it");
        var errors = new List<YamlFileError>();
        YamlMap map = YamlMap.Load(yaml, name, "that of a new kit", errors);
        (Uri server, Uri? proxy) = ServerAddress.Read(map);
        string folder = map.Text("folder") ?? map.Missing("folder", "where received models and what a trainer keeps lie, such as 'data'");
        var options = new SiteOptions
        {
            Name = kit.Party.Name,
            Folder = Path.Combine(kit.Folder, folder),
            Server = server,
            Kit = kit,
            Proxy = proxy,
            Rules = SiteFileRules.ReadRules(map, time),
            Filters = SiteFileRules.ReadFilters(map.Map("filters")),
            Transfers = SiteFileRules.ReadBandwidth(map.Map("bandwidth"), time),
        };
        options = options with { MessageBytesMax = map.Bytes("message_bytes_max", 1) ?? options.MessageBytesMax };
        var file = new SiteFile { Options = options, DataPath = ReadPath(map, "data", kit), ModelFolder = ReadPath(map, "model", kit), Telemetry = TelemetryKey.Read(map) };
        file = SiteFileTrainers.Read(map.Map("trainers"), file, kit);
        map.RefuseOtherKeys();
        return errors.Count == 0 ? file : throw new YamlFileException(name, errors);
    }

    internal static string? ReadPath(YamlMap map, string key, Kit kit) => map.Text(key) is { } path ? Path.Combine(kit.Folder, path) : null;
}
