using System.Globalization;
using Tributary.Privacy.Rings;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>
/// What all parties of a secure sum have to agree on before it. Each takes it from the signed job and from the model that it holds itself, never from the other's
/// messages; every key and signature is bound to its digest, so parties that mean different rounds, models, rosters or rings cannot be combined.
/// </summary>
public sealed class AggregationRound
{
    /// <summary>The fewest sites of a sum: of two, each would learn the other's values.</summary>
    public const int CohortMin = 3;

    /// <summary>States a round.</summary>
    /// <param name="job">The job, such as its id and the digest of what was signed.</param>
    /// <param name="round">The round in the job, from 0.</param>
    /// <param name="modelDigest">The digest of the global model that sites begin with.</param>
    /// <param name="roster">The names of the sites of the signed job, in any order.</param>
    /// <param name="ring">The ring of the integers that are added up, for at least as many sites.</param>
    /// <param name="minimumCohort">The fewest sites whose sum may become known, from <see cref="CohortMin"/>.</param>
    /// <exception cref="ArgumentException">A roster or a cohort that cannot keep anything secret, or a ring in which the sum goes around.</exception>
    public AggregationRound(string job, int round, string modelDigest, IEnumerable<string> roster, RingGrid ring, int minimumCohort = CohortMin)
    {
        ArgumentException.ThrowIfNullOrEmpty(job);
        ArgumentException.ThrowIfNullOrEmpty(modelDigest);
        ArgumentNullException.ThrowIfNull(ring);
        (Job, Round, ModelDigest, Ring, MinimumCohort) = (job, round, modelDigest, ring, minimumCohort);
        Roster = [.. roster.Order(StringComparer.Ordinal)];
        if (Roster.Distinct(StringComparer.Ordinal).Count() != Roster.Count)
        {
            throw new ArgumentException("A site stands twice in the roster.", nameof(roster));
        }

        if (minimumCohort < CohortMin || minimumCohort > Roster.Count)
        {
            throw new ArgumentException(
                $"The minimum cohort is {minimumCohort}, but should be from {CohortMin} (of two, each learns the other's values) to the roster's {Roster.Count} sites.",
                nameof(minimumCohort));
        }

        if (ring.Sites < Roster.Count)
        {
            throw new ArgumentException($"The ring is for sums of up to {ring.Sites} sites, but the roster has {Roster.Count}: the sum could go around.", nameof(ring));
        }

        Threshold = ThresholdOf(Roster.Count, minimumCohort);
        Digest = CanonicalBytes.Digest(
            "tributary secure aggregation, version 1",
            job,
            round,
            modelDigest,
            CanonicalBytes.Of(Roster),
            ring.Bits,
            ring.Sites,
            ring.Range.ToString("R", CultureInfo.InvariantCulture),
            minimumCohort);
        Graph = new NeighbourGraph(Roster, Digest);
    }

    /// <summary>The job.</summary>
    public string Job { get; }

    /// <summary>The round in the job.</summary>
    public int Round { get; }

    /// <summary>The digest of the global model that sites begin with.</summary>
    public string ModelDigest { get; }

    /// <summary>The sites, sorted by name.</summary>
    public IReadOnlyList<string> Roster { get; }

    /// <summary>The ring of the sum.</summary>
    public RingGrid Ring { get; }

    /// <summary>The fewest sites whose sum may become known.</summary>
    public int MinimumCohort { get; }

    /// <summary>How many sites have to stay through every stage: more than two thirds of the roster, and the minimum cohort.</summary>
    public int Threshold { get; }

    /// <summary>SHA-256 over all of it.</summary>
    public byte[] Digest { get; }

    /// <summary>Who shares masks and secrets with whom.</summary>
    public NeighbourGraph Graph { get; }

    /// <summary>How many sites of a roster have to stay through every stage.</summary>
    public static int ThresholdOf(int sites, int minimumCohort) => Math.Max(OverTwoThirds(sites), minimumCohort);

    /// <summary>The least number that is more than two thirds of a number.</summary>
    internal static int OverTwoThirds(int count) => (2 * count / 3) + 1;

    /// <summary>The names in their order; an error where one stands twice or is not in the roster.</summary>
    internal SortedSet<string> RequireNames(IEnumerable<string> names, string what)
    {
        var sorted = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (!Graph.Contains(name))
            {
                throw new SecureAggregationException($"{what}: '{name}' is not in the roster of job '{Job}', which was signed with it");
            }

            if (!sorted.Add(name))
            {
                throw new SecureAggregationException($"{what}: '{name}' stands twice");
            }
        }

        return sorted;
    }
}
