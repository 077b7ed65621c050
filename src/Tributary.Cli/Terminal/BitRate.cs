using System.Globalization;
using System.Text.RegularExpressions;
using Tributary.Simulation;

namespace Tributary.Cli.Terminal;

/// <summary>Rates as lines are sold, in bits a second: <c>100Mbit</c>, <c>10Gbit</c>.</summary>
internal static partial class BitRate
{
    /// <exception cref="UsageException">It is none.</exception>
    public static double Parse(string text)
    {
        Match match = Form().Match(text);
        if (!match.Success)
        {
            throw new UsageException($"--bandwidth is '{text}', but should be bits a second, such as 100Mbit or 2.5Gbit");
        }

        double unit = match.Groups["unit"].Value.ToUpperInvariant() switch { "K" => 1e3, "M" => 1e6, _ => 1e9 };
        return double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) * unit;
    }

    [GeneratedRegex(@"^(?<number>\d*[1-9]\d*(\.\d+)?|0*\.\d*[1-9]\d*) ?(?<unit>[kKmMgG])bit(/s)?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form();
}
