using Tributary.Privacy.Accounting;
using Tributary.Simulation;

namespace Tributary.Cli.Commands;

/// <summary>So many rounds of some noise, and what they spend.</summary>
internal sealed record PlannedPrivacy(long Rounds, double NoiseMultiplier, double Epsilon, double Order)
{
    /// <summary>What a noise gives.</summary>
    public static PlannedPrivacy Of(long rounds, double noiseMultiplier, double delta, double? rate)
    {
        (double epsilon, double order) = RenyiCurve.Of(Calibration.Gaussian(noiseMultiplier, rate)).Times(rounds).Best(delta);
        return double.IsFinite(epsilon)
            ? new PlannedPrivacy(rounds, noiseMultiplier, epsilon, order)
            : throw new UsageException($"a noise multiplier of {noiseMultiplier} is so little that epsilon has no end");
    }

    /// <summary>The least noise for an epsilon, rounded up to as many digits as are shown, so that who types what is shown gets no more epsilon.</summary>
    public static PlannedPrivacy For(long rounds, double epsilon, double delta, double? rate)
    {
        const double Digits = 1e4;
        try
        {
            double least = Calibration.NoiseMultiplierFor(new PrivacyBudget(epsilon, delta), rounds, rate);
            return Of(rounds, Math.Ceiling(least * Digits) / Digits, delta, rate);
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message, e);
        }
    }
}
