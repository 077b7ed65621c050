namespace Tributary.Privacy.Noise;

/// <summary>
/// The discrete Gaussian over the integers: x has a probability in proportion to e^(-x^2 / (2 sigma^2)). Its sigma^2 is a fraction, so that it can be drawn from exactly.
/// </summary>
/// <param name="Numerator">The numerator of sigma^2, from 1 to 2^46.</param>
/// <param name="Denominator">The denominator of sigma^2, from 1 to 2^16.</param>
/// <remarks>Canonne, Kamath and Steinke 2020, https://arxiv.org/abs/2004.00010, algorithms 1 to 3: rejection from the discrete Laplace distribution, integers all through.</remarks>
public sealed record DiscreteGaussian(long Numerator, long Denominator = 1)
{
    private const long NumeratorMax = 1L << 46;
    private const long DenominatorMax = 1L << 16;

    /// <summary>The largest sigma of <see cref="AtLeast"/>.</summary>
    public const double DeviationMax = 32768;

    /// <summary>The numerator of sigma^2.</summary>
    public long Numerator { get; } = Numerator is >= 1 and <= NumeratorMax
        ? Numerator
        : throw new ArgumentException($"The numerator is {Numerator}, but should be from 1 to {NumeratorMax}.");

    /// <summary>The denominator of sigma^2.</summary>
    public long Denominator { get; } = Denominator is >= 1 and <= DenominatorMax
        ? Denominator
        : throw new ArgumentException($"The denominator is {Denominator}, but should be from 1 to {DenominatorMax}.");

    /// <summary>Sigma, which the accountant is told. The variance is never above its square.</summary>
    public double Deviation => Math.Sqrt((double)Numerator / Denominator);

    /// <summary>The least one, in 2^-16 of sigma^2, whose sigma is at least that.</summary>
    /// <param name="deviation">Sigma, above 0 and up to 32768.</param>
    public static DiscreteGaussian AtLeast(double deviation)
    {
        const int Fraction = 1 << 15;
        return deviation is > 0 and <= DeviationMax && Math.Ceiling(deviation * deviation * Fraction) is var parts
            ? new DiscreteGaussian((long)parts, Fraction)
            : throw new ArgumentException($"The deviation is {deviation}, but should be above 0 and up to 32768 steps of the grid.", nameof(deviation));
    }

    /// <summary>Draws one integer.</summary>
    internal long Draw(ref RandomBits bits)
    {
        // The scale of the Laplace distribution that proposals come from: the integer above sigma.
        ulong scale = (ulong)Math.Floor(Deviation) + 1;
        UInt128 denominator = 2 * (UInt128)(ulong)Numerator * (ulong)Denominator * scale * scale;
        while (true)
        {
            long proposal = DrawLaplace(scale, ref bits);
            // (|y| - sigma^2 / t)^2 / (2 sigma^2), with both sides of the fraction multiplied by t^2 and the denominator's square.
            UInt128 distance = checked((UInt128)(ulong)Math.Abs(proposal) * scale * (ulong)Denominator);
            UInt128 difference = distance > (ulong)Numerator ? distance - (ulong)Numerator : (ulong)Numerator - distance;
            if (bits.FlipExponential(checked(difference * difference), denominator))
            {
                return proposal;
            }
        }
    }

    /// <summary>The discrete Laplace distribution: x in proportion to e^(-|x| / scale).</summary>
    private static long DrawLaplace(ulong scale, ref RandomBits bits)
    {
        while (true)
        {
            ulong rest = bits.Below(scale);
            if (!bits.FlipExponential(rest, scale))
            {
                continue;
            }

            ulong whole = 0;
            while (bits.FlipExponential(1, 1))
            {
                whole++;
            }

            ulong size = rest + (whole * scale);
            bool isNegative = bits.Take(1) == 1;
            // Zero would be drawn with either sign.
            if (!isNegative || size > 0)
            {
                return isNegative ? -(long)size : (long)size;
            }
        }
    }
}
