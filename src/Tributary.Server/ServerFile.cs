using System.Net;
using Tributary.Configuration;
using Tributary.Provisioning;

namespace Tributary.Server;

/// <summary>A server's configuration, server.yaml in its kit.</summary>
public static class ServerFile
{
    private const string Any = "any";

    // A message of 4 GB in a second is as many parts.
    private const int RequestsPerSecond = 500;

    /// <summary>Reads the configuration of a kit.</summary>
    /// <param name="kit">The server's kit, to whose folder paths are relative.</param>
    /// <exception cref="ProvisioningException">There is none.</exception>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static ServerOptions Read(Kit kit)
    {
        string name = kit.ConfigurationPath;
        string yaml = File.Exists(name) ? File.ReadAllText(name) : throw new ProvisioningException($"{name} is not there; a kit as 'provision' makes it has it");
        var errors = new List<YamlFileError>();
        YamlMap map = YamlMap.Load(yaml, name, "that of a new kit", errors);
        string address = map.Text("address") ?? Any;
        IPAddress? number = null;
        if (address != Any && !IPAddress.TryParse(address, out number))
        {
            map.Wrong("address", $"'address' is '{address}', but should be an IP address of this machine, or '{Any}'");
        }

        long? port = map.Integer("port", 0, IPEndPoint.MaxPort);
        if (port is null)
        {
            map.Missing("port", "the port to listen on, such as 8443");
        }

        string folder = map.Text("folder") ?? map.Missing("folder", "where the journal, models and messages lie, such as 'data'");
        var options = new ServerOptions { Folder = Path.Combine(kit.Folder, folder), Port = (int)(port ?? 0), Address = number, Kit = kit };
        options = options with { MessageBytesMax = map.Integer("message_bytes_max", 1, long.MaxValue) ?? options.MessageBytesMax };
        options = options with
        {
            ModelBytesMax = map.Integer("model_bytes_max", 1, long.MaxValue) ?? options.ModelBytesMax,
            JobsMax = (int)(map.Integer("jobs_max", 1, 1000) ?? options.JobsMax),
            RequestsPerSecond = (int)(map.Integer("requests_per_second", 1, 1_000_000) ?? RequestsPerSecond),
            HealthPort = (int?)map.Integer("health_port", 1, IPEndPoint.MaxPort),
            Telemetry = TelemetryKey.Read(map),
        };
        map.RefuseOtherKeys();
        return errors.Count == 0 ? options : throw new YamlFileException(name, errors);
    }
}
