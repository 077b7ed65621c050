using Tributary.Client;
using Tributary.Configuration;
using Tributary.Provisioning;

namespace Tributary.Site;

/// <summary>A site's configuration, site.yaml in its kit.</summary>
public sealed record SiteFile
{
    /// <summary>How its agent runs.</summary>
    public required SiteOptions Options { get; init; }

    /// <summary>The records that it trains on, JSONL; null where it says none.</summary>
    public string? DataPath { get; init; }

    /// <summary>The model's checkpoint folder, with its tokenizer; null where it says none.</summary>
    public string? ModelFolder { get; init; }

    /// <summary>The OpenTelemetry collector that the program around the agent is to send traces and metrics to; null where it says none.</summary>
    public Uri? Telemetry { get; init; }

    /// <summary>Reads the configuration of a kit.</summary>
    /// <param name="kit">The site's kit, to whose folder paths are relative.</param>
    /// <exception cref="ProvisioningException">There is none.</exception>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static SiteFile Read(Kit kit)
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
        };
        options = options with { MessageBytesMax = map.Integer("message_bytes_max", 1, long.MaxValue) ?? options.MessageBytesMax };
        var file = new SiteFile { Options = options, DataPath = ReadPath(map, "data", kit), ModelFolder = ReadPath(map, "model", kit), Telemetry = TelemetryKey.Read(map) };
        map.RefuseOtherKeys();
        return errors.Count == 0 ? file : throw new YamlFileException(name, errors);
    }

    private static string? ReadPath(YamlMap map, string key, Kit kit) => map.Text(key) is { } path ? Path.Combine(kit.Folder, path) : null;
}
