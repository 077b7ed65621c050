namespace Tributary.Privacy.Accounting;

/// <summary>The accountant's questions the other way round: how much noise, how many rounds.</summary>
public static class Calibration
{
    private const double MultiplierMin = 1e-3;
    private const double MultiplierMax = 1e9;
    private const double Precision = 1e-6;

    /// <summary>The Gaussian mechanism of that noise, of Poisson samples where there is a rate below 1.</summary>
    public static Mechanism Gaussian(double noiseMultiplier, double? samplingRate) =>
        samplingRate is null or 1 ? new GaussianMechanism(noiseMultiplier) : new SampledGaussianMechanism(noiseMultiplier, samplingRate.Value);

    /// <summary>The least noise multiplier that keeps so many rounds within a budget, to a millionth of itself; it is never below the least.</summary>
    /// <param name="budget">The budget; its epsilon is finite.</param>
    /// <param name="rounds">The rounds, or steps: how often noise is added, from 1.</param>
    /// <param name="samplingRate">The rate of Poisson samples; null or 1 where there is no sampling.</param>
    /// <exception cref="ArgumentException">No noise up to a multiplier of 1e9 suffices, or an argument is out of its range.</exception>
    public static double NoiseMultiplierFor(PrivacyBudget budget, long rounds, double? samplingRate = null)
    {
        ArgumentNullException.ThrowIfNull(budget);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        bool Suffices(double multiplier) => RenyiCurve.Of(Gaussian(multiplier, samplingRate)).Times(rounds).Epsilon(budget.Delta) <= budget.Epsilon;

        double high = MultiplierMin;
        while (!Suffices(high))
        {
            high *= 2;
            if (high > MultiplierMax)
            {
                throw new ArgumentException($"No noise keeps {rounds} rounds within epsilon {budget.Epsilon} at delta {budget.Delta}; allow more of either, or fewer rounds.");
            }
        }

        for (double low = high / 2; high - low > Precision * high;)
        {
            double middle = Math.Sqrt(low * high);
            (low, high) = Suffices(middle) ? (low, middle) : (middle, high);
        }

        return high;
    }

    /// <summary>How often a mechanism can be used within a budget: exactly as often as a ledger lets it. <see cref="long.MaxValue"/> where nothing stops it.</summary>
    public static long RoundsFor(Mechanism mechanism, PrivacyBudget budget) => RoundsLeft(RenyiCurve.Zero, RenyiCurve.Of(mechanism), budget);

    /// <summary>How often what a round spends fits into what is left of a budget.</summary>
    internal static long RoundsLeft(RenyiCurve spent, RenyiCurve round, PrivacyBudget budget)
    {
        const long Most = 1L << 52;
        bool Fits(long rounds) => spent.Plus(round, rounds).Epsilon(budget.Delta) <= budget.Epsilon;

        if (!Fits(1))
        {
            return 0;
        }

        long fits = 1;
        while (Fits(fits * 2))
        {
            fits *= 2;
            if (fits >= Most)
            {
                return long.MaxValue;
            }
        }

        for (long breaks = fits * 2; breaks - fits > 1;)
        {
            long middle = fits + ((breaks - fits) / 2);
            (fits, breaks) = Fits(middle) ? (middle, breaks) : (fits, middle);
        }

        return fits;
    }
}
