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
    /// <exception cref="ArgumentException">The budget is so small that no noise up to a multiplier of 1e9 can be shown to keep it, or an argument is out of its range.</exception>
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
                throw new ArgumentException($"An epsilon of {budget.Epsilon} at delta {budget.Delta} is less than orders up to {RenyiCurve.Orders[^1]} can show of any noise; allow more of either.");
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
    public static long RoundsFor(Mechanism mechanism, PrivacyBudget budget)
    {
        var once = RenyiCurve.Of(mechanism);
        return RoundsLeft(once.Times, budget);
    }

    /// <summary>The most rounds whose spending is within a budget.</summary>
    /// <param name="spent">What has been spent after so many more rounds.</param>
    /// <param name="budget">The budget.</param>
    internal static long RoundsLeft(Func<long, RenyiCurve> spent, PrivacyBudget budget)
    {
        const long Most = 1L << 40;
        bool Fits(long rounds) => spent(rounds).Epsilon(budget.Delta) <= budget.Epsilon;

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
