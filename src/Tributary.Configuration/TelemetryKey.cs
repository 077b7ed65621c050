namespace Tributary.Configuration;

/// <summary>The key <c>telemetry: { otlp: URL }</c> of a server's or a site's configuration.</summary>
public static class TelemetryKey
{
    /// <summary>Reads where traces and metrics go, an OpenTelemetry collector that takes OTLP over HTTP; null where it says nothing. What is wrong goes to the map's errors.</summary>
    public static Uri? Read(YamlMap map)
    {
        if (map.Map("telemetry") is not { } telemetry)
        {
            return null;
        }

        string text = telemetry.Text("otlp") ?? telemetry.Missing("otlp", "the collector's address, such as http://127.0.0.1:4318");
        telemetry.RefuseOtherKeys();
        if (text.Length == 0 || (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps)))
        {
            return text.Length == 0 ? null : new Uri(text.TrimEnd('/') + "/");
        }

        telemetry.Wrong("otlp", $"'otlp' is '{text}', but should be an address such as http://127.0.0.1:4318");
        return null;
    }
}
