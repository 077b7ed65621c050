using MathNet.Numerics.Distributions;

namespace Tributary.Simulation.Convergence;

/// <summary>
/// How much of what a reference learnt a setting did not: (L - L_ref) / (L_start - L_ref) of each seed's pair of runs, where L is the lowest held-out loss
/// within the rounds and L_start the reference's before the first. 0 is as good, 1 is nothing learnt, below 0 is better.
/// </summary>
/// <param name="Mean">The mean over the seeds.</param>
/// <param name="HalfWidth">Half the width of the mean's 95 % interval, by Student's t.</param>
public sealed record Regret(double Mean, double HalfWidth)
{
    /// <summary>The upper end of the mean's 95 % interval.</summary>
    public double Upper => Mean + HalfWidth;

    /// <summary>The regret of a setting's runs.</summary>
    /// <param name="runs">The setting's runs, two or more.</param>
    /// <param name="reference">The reference's runs with the same seeds.</param>
    /// <exception cref="ArgumentException">A run has no pair, or there are fewer than two.</exception>
    public static Regret Of(IReadOnlyList<ConvergenceRun> runs, IReadOnlyList<ConvergenceRun> reference)
    {
        if (runs.Count < 2)
        {
            throw new ArgumentException($"An interval takes two seeds or more, and there are runs with {runs.Count}.", nameof(runs));
        }

        double[] each = [.. runs.Select(run => Of(run, reference.FirstOrDefault(other => other.Seed == run.Seed)
            ?? throw new ArgumentException($"The reference has no run with seed {run.Seed}.", nameof(reference))))];
        double mean = each.Average();
        double deviation = Math.Sqrt(each.Sum(value => (value - mean) * (value - mean)) / (each.Length - 1));
        return new Regret(mean, StudentT.InvCDF(0, 1, each.Length - 1, 0.975) * deviation / Math.Sqrt(each.Length));
    }

    /// <summary>The regret of one run.</summary>
    public static double Of(ConvergenceRun run, ConvergenceRun reference) => (run.Best - reference.Best) / (reference.Start - reference.Best);
}
