using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tributary.Cli.Terminal;

/// <summary>How figures and documents are printed.</summary>
internal static class Output
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A number of bytes in the unit that suits it, such as <c>12.3 MiB</c>.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        double value = bytes;
        int unit = 0;
        for (; value >= 1024 && unit < units.Length - 1; unit++)
        {
            value /= 1024;
        }

        return unit == 0 ? $"{bytes} B" : $"{value.ToString(value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture)} {units[unit]}";
    }

    /// <summary>A time such as <c>42 s</c> or <c>3:07</c>.</summary>
    public static string Time(double seconds) => seconds < 60
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s")
        : TimeSpan.FromSeconds(seconds).ToString(seconds < 3600 ? @"m\:ss" : @"h\:mm\:ss", CultureInfo.InvariantCulture);

    public static string Loss(double loss) => loss.ToString("0.0000", CultureInfo.InvariantCulture);

    /// <summary>A number in few letters, such as <c>850</c>, <c>4.1k</c> or <c>2.0M</c>.</summary>
    public static string Short(double number) => number switch
    {
        < 999.5 => string.Create(CultureInfo.InvariantCulture, $"{number:0}"),
        < 999_950 => string.Create(CultureInfo.InvariantCulture, $"{number / 1e3:0.0}k"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{number / 1e6:0.0}M"),
    };

    public static string Percent(long part, long whole) => whole == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100.0 * part / whole:0.0} %");
}
