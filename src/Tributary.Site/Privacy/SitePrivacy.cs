using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Ledger;
using Tributary.Privacy.Noise;

namespace Tributary.Site.Privacy;

/// <summary>The most that a site lets a job spend, whatever the job says itself: a rule of its own.</summary>
/// <param name="Epsilon">Epsilon, above 0.</param>
/// <param name="Delta">The largest delta at which that is stated.</param>
public sealed record SiteBudget(double Epsilon, double Delta);

/// <summary>
/// A site's ledgers, one for each job, and with them the only way to its noise. A round that would break the job's budget or the site's own does not run here, whatever the server says.
/// </summary>
/// <param name="folder">Where ledgers and keys lie.</param>
/// <param name="site">The site's name.</param>
/// <param name="limit">The site's own budget for each job; null for none.</param>
/// <param name="time">The clock.</param>
public sealed class SitePrivacy(string folder, string site, SiteBudget? limit, TimeProvider time) : IDisposable
{
    private readonly Lock _gate = new();
    private PrivacyLedger? _ledger;
    private string? _job;

    /// <summary>Why a job does not keep what the site asks of all; null where it does.</summary>
    public static string? Refuse(Job job, SiteBudget? limit) =>
        limit is null ? null
        : job.Privacy is not { } privacy || (privacy is { Unit: PrivacyUnit.Site, Noise: NoisePlace.Server })
            ? $"this site takes jobs only whose noise is added at the sites, up to an epsilon of {limit.Epsilon} at delta {limit.Delta:0.##e-0} ('privacy' in site.yaml), and job '{job.Name}' has no such privacy"
        : privacy.Delta > limit.Delta
            ? $"job '{job.Name}' states its privacy at a delta of {privacy.Delta:0.##e-0}, and this site takes at most {limit.Delta:0.##e-0} ('privacy' in site.yaml)"
        : null;

    /// <summary>Enters what a round spends and gives the key of its noise; the same again for the same round.</summary>
    /// <param name="job">The job.</param>
    /// <param name="round">The round.</param>
    /// <param name="dimension">The number of elements that are trained.</param>
    /// <exception cref="TaskFailedException">A budget does not allow the round, or or a later round was spent, or the ledger cannot be used.</exception>
    public NoiseKey Spend(Job job, int round, long dimension)
    {
        try
        {
            RoundPrivacy spent = RoundPrivacy.Of(job, dimension) ?? throw new InvalidOperationException($"Job '{job.Name}' has no differential privacy.");
            lock (_gate)
            {
                PrivacyLedger ledger = Open(job);
                if (ledger.Entries.Any(entry => entry.Round > round))
                {
                    throw new TaskFailedException($"privacy: the task is of round {round}, and this site's noise of later rounds of job '{job.Name}' was used; what is over is not made again");
                }

                foreach (LedgerEntry entry in ledger.Entries.Where(entry => entry.Round < round))
                {
                    // Their messages counted, or nobody waits for them any more.
                    ledger.DiscardKey(entry.Round);
                }

                return ledger.Spend(round, spent.Mechanism, spent.Uses);
            }
        }
        catch (Exception e) when (e is PrivacyBudgetException or PrivacyLedgerException or ArgumentException)
        {
            throw new TaskFailedException($"privacy: {e.Message}", e);
        }
    }

    /// <summary>Closes the ledger.</summary>
    public void Dispose() => _ledger?.Dispose();

    private PrivacyLedger Open(Job job)
    {
        if (_ledger is not null && _job == job.Name)
        {
            return _ledger;
        }

        _ledger?.Dispose();
        _ledger = null;
        JobPrivacy privacy = job.Privacy!;
        double epsilon = Math.Min(privacy.Epsilon ?? double.PositiveInfinity, limit?.Epsilon ?? double.PositiveInfinity);
        _ledger = PrivacyLedger.Open(Path.Combine(folder, job.Name), new LedgerHeader(job.Name, $"site/{site}"), new PrivacyBudget(epsilon, privacy.Delta), time);
        _job = job.Name;
        return _ledger;
    }
}
