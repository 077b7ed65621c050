using System.Globalization;

namespace Tributary.Configuration;

/// <summary>Numbers of bytes as people write them: kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024.</summary>
public static class ByteCount
{
    private static readonly (string Name, double Bytes)[] Units =
    [
        ("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
    ];

    /// <summary>Reads a whole number, or a number with a unit.</summary>
    /// <param name="text">Such as <c>1_000_000</c> or <c>1.5 GiB</c>.</param>
    /// <param name="per">What has to follow, such as <c>/s</c>.</param>
    /// <param name="bytes">The bytes.</param>
    public static bool TryParse(string text, string per, out long bytes)
    {
        bytes = 0;
        if (!text.EndsWith(per, StringComparison.Ordinal))
        {
            return false;
        }

        string number = text[..^per.Length].Trim();
        (string name, double unit) = Units.LastOrDefault(unit => number.EndsWith(unit.Name, StringComparison.OrdinalIgnoreCase), (string.Empty, 1));
        number = number[..^name.Length].TrimEnd().Replace("_", string.Empty, StringComparison.Ordinal);
        if (name.Length == 0)
        {
            return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out bytes);
        }

        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) || value * unit > long.MaxValue / 2)
        {
            return false;
        }

        bytes = (long)(value * unit);
        return true;
    }

    /// <summary>A number of bytes in the largest power of 1000 that it reaches, such as <c>64 kB</c>.</summary>
    public static string Format(long bytes)
    {
        (string name, double unit) = Units.Take(5).Last(unit => unit.Bytes <= Math.Max(1, bytes));
        return string.Create(CultureInfo.InvariantCulture, $"{bytes / unit:0.##} {name}");
    }
}
