namespace Tributary.Federation.Jobs;

/// <summary>
/// Results as integers of a ring that all sites share, so that sums of them are exact, also of masked ones: values are rounded by chance to a grid from -range to range and travel in k bits.
/// </summary>
/// <param name="Bits">k, for the value and the number of sites together, from 4 to 32.</param>
/// <param name="Range">The largest absolute value of the first round; later ones go by the last global change. Null for <see cref="RangeUsual"/>.</param>
public sealed record JobRing(int Bits, double? Range = null)
{
    /// <summary>The least k.</summary>
    public const int BitsMin = 4;

    /// <summary>The largest k.</summary>
    public const int BitsMax = 32;

    /// <summary>The bits where a job does not say.</summary>
    public const int BitsUsual = 16;

    /// <summary>The first round's range where a job does not say.</summary>
    public const double RangeUsual = 0.1;

    /// <summary>The largest number of sites in a sum, so that each has a value beside 0.</summary>
    public static int SitesMax(int bits) => (int)Math.Min(int.MaxValue, (1L << (bits - 1)) - 1);
}
