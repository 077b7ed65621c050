namespace Tributary.Privacy.Accounting;

/// <summary>
/// The moment A(alpha) = E over z of N(0, s^2) of ((1 - q) + q N(1, s^2)/N(0, s^2) at z)^alpha, whose logarithm over alpha - 1 is the Renyi divergence of the
/// Poisson-subsampled Gaussian.
/// </summary>
/// <remarks>Mironov, Talwar and Zhang 2019, https://arxiv.org/abs/1908.10530: section 3.3, both for integer and for fractional orders.</remarks>
internal static class SampledGaussianMoment
{
    // For fractional orders the sum is one and something; below this, the something is rounding.
    private const double RoundingLimit = 1e-10;

    private const int TermsMax = 4000;

    /// <summary>log A(alpha), or infinity where the series of a fractional order does not come to an end.</summary>
    public static double Log(double rate, double multiplier, double order)
    {
        if (order == Math.Floor(order))
        {
            return LogInteger(rate, multiplier, (int)order);
        }

        double log = LogFractional(rate, multiplier, order);
        if (log > RoundingLimit)
        {
            return log;
        }

        // log A is convex in the order, so it lies below the chord between the integers around it, where it is exact however small.
        int below = (int)Math.Floor(order);
        double share = order - below;
        return ((1 - share) * LogInteger(rate, multiplier, below)) + (share * LogInteger(rate, multiplier, below + 1));
    }

    /// <summary>
    /// The binomial sum. Its coefficients alone sum to one, which is taken out, so that what is left has no cancellation: A = 1 + sum over k from 2 of
    /// C(alpha, k) (1 - q)^(alpha - k) q^k (e^((k^2 - k) / 2 s^2) - 1).
    /// </summary>
    private static double LogInteger(double rate, double multiplier, int order)
    {
        (double logRate, double logRest) = (Math.Log(rate), LogSpace.Log1P(-rate));
        double logBinomial = Math.Log(order);
        double log = double.NegativeInfinity;
        for (int k = 2; k <= order; k++)
        {
            logBinomial += Math.Log((order - k + 1) / (double)k);
            double excess = LogSpace.LogExpM1(((double)k * (k - 1)) / (2 * multiplier * multiplier));
            log = LogSpace.Add(log, logBinomial + ((order - k) * logRest) + (k * logRate) + excess);
        }

        return LogSpace.Add(0, log);
    }

    /// <summary>
    /// Two series, one on each side of the point where both densities of the mixture are equal. Beyond the order the binomial coefficients alternate in sign and
    /// fall in size, so what is left out is less than the last term, which is added once more.
    /// </summary>
    private static double LogFractional(double rate, double multiplier, double order)
    {
        (double logRate, double logRest) = (Math.Log(rate), LogSpace.Log1P(-rate));
        double variance = multiplier * multiplier;
        double middle = (variance * (logRest - logRate)) + 0.5;
        double width = Math.Sqrt(2) * multiplier;
        (double positive, double negative) = (double.NegativeInfinity, double.NegativeInfinity);
        double logBinomial = 0;
        bool isNegative = false;
        double last = double.PositiveInfinity;
        for (int i = 0; i < TermsMax; i++)
        {
            double rest = order - i;
            double left = (i * logRate) + (rest * logRest) + (((double)i * (i - 1)) / (2 * variance)) + LogSpace.LogErfc((i - middle) / width);
            double right = (rest * logRate) + (i * logRest) + (rest * (rest - 1) / (2 * variance)) + LogSpace.LogErfc((middle - rest) / width);
            double term = logBinomial - Math.Log(2) + LogSpace.Add(left, right);
            (positive, negative) = isNegative ? (positive, LogSpace.Add(negative, term)) : (LogSpace.Add(positive, term), negative);
            if (i > order && term < last && term < positive - 32)
            {
                return LogSpace.Subtract(LogSpace.Add(positive, term), negative);
            }

            last = term;
            logBinomial += Math.Log(Math.Abs(rest) / (i + 1));
            isNegative ^= rest < 0;
        }

        // Slow series are of orders near one; what is left out is still less than the last term, unless terms were growing.
        return double.IsFinite(last) && last < positive - 18 ? LogSpace.Subtract(LogSpace.Add(positive, last), negative) : double.PositiveInfinity;
    }
}
