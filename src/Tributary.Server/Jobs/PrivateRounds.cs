using System.Globalization;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Workflows;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Filters;
using Tributary.Privacy.Ledger;
using Tributary.Tensors;

namespace Tributary.Server.Jobs;

/// <summary>
/// The server's part in a job's differential privacy: it counts what rounds spend, runs none that the budget does not allow, and where it is to hide the sites, clips their changes and adds the noise.
/// </summary>
internal sealed class PrivateRounds : IDisposable
{
    private readonly Job _job;
    private readonly JobPrivacy _privacy;
    private readonly RoundPrivacy _round;
    private readonly PrivacyLedger? _ledger;

    private PrivateRounds(Job job, RoundPrivacy round, PrivacyLedger? ledger) => (_job, _privacy, _round, _ledger) = (job, job.Privacy!, round, ledger);

    /// <summary>Why no round more is run; null while there is no reason.</summary>
    public string? Ended { get; private set; }

    /// <summary>Of a job; null where it has no differential privacy.</summary>
    /// <param name="job">The job.</param>
    /// <param name="dimension">The number of elements that are trained.</param>
    /// <param name="folder">Where the server's own ledger of the job lies, if it adds noise.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="JobFailedException">The job's numbers leave no room for its noise, or the ledger cannot be read.</exception>
    public static PrivateRounds? Of(Job job, long dimension, string folder, TimeProvider time)
    {
        try
        {
            if (RoundPrivacy.Of(job, dimension) is not { } round)
            {
                return null;
            }

            if (job.Privacy!.Epsilon is { } budget && !(round.EpsilonAfter(1, job.Privacy.Delta) <= budget))
            {
                throw new JobFailedException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the job's privacy budget allows not even one round, whose epsilon is {Figure(round.EpsilonAfter(1, job.Privacy.Delta))} at delta {job.Privacy.Delta:0.##e-0}, and {budget} may be spent; 'tributary privacy plan' finds the noise for it"));
            }

            PrivacyLedger? ledger = AddsNoise(job)
                ? PrivacyLedger.Open(folder, new LedgerHeader(job.Name, "server"), new PrivacyBudget(job.Privacy.Epsilon ?? double.PositiveInfinity, job.Privacy.Delta), time)
                : null;
            return new PrivateRounds(job, round, ledger);
        }
        catch (Exception e) when (e is ArgumentException or PrivacyLedgerException)
        {
            throw new JobFailedException($"the job's privacy: {e.Message}", e);
        }
    }

    /// <summary>Epsilon after so many rounds.</summary>
    public double EpsilonAfter(int rounds) => _round.EpsilonAfter(rounds, _privacy.Delta);

    /// <summary>Whether a round may run, and what it spends.</summary>
    public bool Begin(int round, Action<JobEvent> report)
    {
        double epsilon = EpsilonAfter(round);
        if (_privacy.Epsilon is { } budget && !(epsilon <= budget))
        {
            string after = Figure(EpsilonAfter(round - 1));
            Ended = string.Create(
                CultureInfo.InvariantCulture,
                $"the privacy budget allows {round - 1} of {_job.Rounds} rounds: epsilon is {after} after them and would be {Figure(epsilon)} with one more, at delta {_privacy.Delta:0.##e-0}, and {budget} may be spent");
            report(new RoundsEnded(round, Ended));
            return false;
        }

        report(new PrivacySpent(round, epsilon, _privacy.Delta));
        return true;
    }

    /// <summary>The mean of a round's changes, each clipped, with noise; as it is where others add the noise.</summary>
    /// <remarks>The mean is over the sites that the round was for, whoever answered: a number that no site's data sets.</remarks>
    public TensorSource? Reduce(int round, IReadOnlyList<SiteResult> results)
    {
        if (_ledger is null)
        {
            return null;
        }

        int sites = SiteDraw.Of(_job, round).Count;
        var clip = new ClipNormFilter(_privacy.Clip, received: null);
        var mean = new WeightedMean([.. results.OrderBy(result => result.Site, StringComparer.Ordinal).Select(result => (clip.Apply(result.Update!), 1.0))], sites);
        try
        {
            return new GaussianNoiseFilter(_ledger.Spend(round, _round.Mechanism, _round.Uses), _privacy.NoiseMultiplier * _privacy.Clip / sites).Apply(mean);
        }
        catch (Exception e) when (e is PrivacyBudgetException or PrivacyLedgerException)
        {
            throw new JobFailedException($"round {round}: {e.Message}", e);
        }
    }

    /// <summary>A round's model is durable with its noise, which nobody has to make again.</summary>
    public void Saved(int round) => _ledger?.DiscardKey(round);

    public void Dispose() => _ledger?.Dispose();

    private static bool AddsNoise(Job job) => job.Privacy is { Unit: PrivacyUnit.Site, Noise: NoisePlace.Server };

    private static string Figure(double epsilon) => epsilon.ToString("0.###", CultureInfo.InvariantCulture);
}
