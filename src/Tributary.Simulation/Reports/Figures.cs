namespace Tributary.Simulation.Reports;

/// <summary>Numbers as the report shows them. report.js has the same rules for what it draws.</summary>
internal static class Figures
{
    /// <summary>Stands for a figure that does not exist.</summary>
    public const string None = "–";

    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Four significant digits, without an exponent.</summary>
    public static string Loss(double loss) => loss.ToString(DecimalsOf(loss));

    public static string Loss(double? loss) => loss is { } value ? Loss(value) : None;

    /// <summary>From one loss to another, with a sign and the decimals of the loss.</summary>
    public static string Change(double from, double to)
    {
        string size = Math.Abs(to - from).ToString(DecimalsOf(from));
        return size.All(c => c is '0' or '.') ? size : (to > from ? "+" : "−") + size;
    }

    public static string Change(double? from, double? to) => from is { } before && to is { } after ? Change(before, after) : None;

    /// <summary>Epsilon: four significant digits at most.</summary>
    public static string Epsilon(double epsilon) => epsilon.ToString(epsilon < 10 ? "0.###" : "0.#");

    /// <summary>A share in percent with its sign.</summary>
    public static string PercentChange(double share) => share > 0 ? "+" + Percent(share) : Minus(Percent(share));

    /// <summary>A share in percent: two decimals under ten, otherwise one.</summary>
    public static string Percent(double share) => (100 * share).ToString(Math.Abs(share) < 0.1 ? "F2" : "F1") + " %";

    public static string Bytes(long bytes)
    {
        double value = bytes;
        int unit = 0;
        while (Math.Abs(value) >= 1024)
        {
            value /= 1024;
            unit++;
        }

        string format = unit == 0 ? "F0" : Math.Abs(value) < 100 ? "F2" : "F1";
        return $"{value.ToString(format)} {s_units[unit]}";
    }

    public static string Seconds(double seconds) => Math.Abs(seconds) switch
    {
        < 1 => $"{seconds:F3} s",
        < 10 => $"{seconds:F2} s",
        < 59.95 => $"{seconds:F1} s",
        < 3599.5 => $"{Math.Floor(Math.Round(seconds) / 60):F0} min {Math.Round(seconds) % 60:00} s",
        _ => $"{Math.Floor(Math.Round(seconds / 60) / 60):N0} h {Math.Round(seconds / 60) % 60:00} min",
    };

    public static string Count(long count) => count.ToString("N0");

    public static string Plural(long count, string one) => $"{Count(count)} {one}{(count == 1 ? "" : "s")}";

    // Of four significant digits.
    private static string DecimalsOf(double loss) =>
        loss == 0 ? "F0" : $"F{Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(loss))), 0, 12)}";

    private static string Minus(string number) => number.Replace('-', '−');
}
