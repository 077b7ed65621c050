namespace Tributary.Training;

/// <summary>
/// A small generator whose numbers depend on its seed alone, not on the version of .NET. For shuffling, sampling and first
/// weights; never for keys or privacy.
/// </summary>
/// <param name="seed">The seed; the same one gives the same numbers.</param>
/// <remarks>Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).</remarks>
public sealed class SplitMix64(ulong seed)
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    /// <summary>The first number of a seed: for draws that are numbered, not made one after the other.</summary>
    public static ulong Mix(ulong seed)
    {
        ulong z = seed + Gamma;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        ulong next = Mix(_state);
        _state += Gamma;
        return next;
    }

    /// <summary>A number below 1 and not below 0, of 53 random bits.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>An integer below the limit; the bias is below 2^-32, and the number of draws is always one.</summary>
    public int NextBelow(int limit) => (int)(((Next() >> 32) * (ulong)limit) >> 32);

    /// <summary>A number of the standard normal distribution (Box and Muller).</summary>
    public float NextNormal() =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble()));

    /// <summary>Puts items in random order (Fisher and Yates).</summary>
    public void Shuffle(Span<int> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextBelow(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
