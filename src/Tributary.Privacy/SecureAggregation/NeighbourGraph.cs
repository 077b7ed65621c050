using System.Numerics;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>
/// Who shares masks and secrets with whom: everyone with everyone up to <see cref="EveryoneMax"/> sites, beyond it each site with k others. The graph follows from the roster and the
/// round's digest alone, so each party makes it itself and a server cannot choose a site's neighbours one by one.
/// </summary>
/// <remarks>
/// The graph is Harary's, over the sites in an order shuffled by SHA-256: each has the k/2 before and the k/2 behind it in a ring (Bell et al. 2020, Secure Single-Server Aggregation
/// with (Poly)Logarithmic Overhead). As there, k is the smallest even number at which these are so rare, over the shuffling, in a roster of n sites of which fewer than a third
/// collude with the server and up to a tenth drop out:
/// some site's colluding neighbours are enough to put its secrets together (2^-40); colluding and dropped sites split the others (2^-40); some site's secrets cannot be put together by those that
/// stay (2^-30). The first and last are tails of hypergeometric distributions, the second a run of k/2 sites in the ring that are all gone; each is summed over all sites, in exact integers.
/// </remarks>
public sealed class NeighbourGraph
{
    /// <summary>The largest roster in which everyone is everyone's neighbour.</summary>
    public const int EveryoneMax = 64;

    private const int SecrecyBits = 40;
    private const int CompletionBits = 30;

    private readonly IReadOnlyList<string> _roster;
    private readonly string[] _ring;
    private readonly Dictionary<string, int> _places;

    internal NeighbourGraph(IReadOnlyList<string> roster, byte[] seed)
    {
        _roster = roster;
        Degree = DegreeFor(roster.Count);
        _ring = [.. roster.OrderBy(name => Convert.ToHexStringLower(CanonicalBytes.Digest("neighbours", seed, name)), StringComparer.Ordinal)];
        _places = _ring.Index().ToDictionary(place => place.Item, place => place.Index, StringComparer.Ordinal);
    }

    /// <summary>How many neighbours each site has.</summary>
    public int Degree { get; }

    /// <summary>How many of a site's holders have to give their shares so that a secret of it can be put together: more than two thirds.</summary>
    public int ShareThreshold => AggregationRound.OverTwoThirds(Degree + 1);

    /// <summary>The number of neighbours for a roster.</summary>
    /// <param name="sites">The sites of the roster.</param>
    public static int DegreeFor(int sites)
    {
        int degree = sites - 1;
        if (sites > EveryoneMax)
        {
            for (int k = 2; k < sites - 1; k += 2)
            {
                if (IsEnough(sites, k))
                {
                    degree = k;
                    break;
                }
            }
        }

        return degree < ShamirSharing.SharesMax ? degree : throw new ArgumentException($"{sites} sites would have {degree} neighbours each, more than secrets can be shared among.", nameof(sites));
    }

    /// <summary>A site's neighbours, sorted by name.</summary>
    public IReadOnlyList<string> Neighbours(string site) => [.. Around(site).Where(name => name != site).Order(StringComparer.Ordinal)];

    /// <summary>Who holds shares of a site's secrets: its neighbours and itself, sorted by name. The place in this list, from 1, is the share's number.</summary>
    public IReadOnlyList<string> Holders(string site) => [.. Around(site).Order(StringComparer.Ordinal)];

    internal bool Contains(string site) => _places.ContainsKey(site);

    private IEnumerable<string> Around(string site)
    {
        if (Degree == _roster.Count - 1)
        {
            return _roster;
        }

        int place = _places[site];
        return Enumerable.Range(-Degree / 2, Degree + 1).Select(step => _ring[(place + step + _ring.Length) % _ring.Length]);
    }

    private static bool IsEnough(int sites, int degree)
    {
        int colluding = (sites - 1) / 3;
        int dropping = (sites + 9) / 10;
        int holders = degree + 1;
        int threshold = AggregationRound.OverTwoThirds(holders);
        return (sites * Tail(sites - 1, colluding, degree, threshold)) << SecrecyBits <= Choose(sites - 1, degree)
            && (sites * Tail(sites - 1, dropping, degree, holders - threshold)) << CompletionBits <= Choose(sites - 1, degree)
            && (sites * Choose(colluding + dropping, degree / 2)) << SecrecyBits <= Choose(sites, degree / 2);
    }

    /// <summary>The ways to draw so many sites that at least so many of them are marked ones.</summary>
    private static BigInteger Tail(int sites, int marked, int drawn, int least)
    {
        BigInteger ways = 0;
        for (int i = least; i <= Math.Min(marked, drawn); i++)
        {
            ways += Choose(marked, i) * Choose(sites - marked, drawn - i);
        }

        return ways;
    }

    private static BigInteger Choose(int from, int count)
    {
        if (count < 0 || count > from)
        {
            return 0;
        }

        BigInteger ways = 1;
        for (int i = 1; i <= count; i++)
        {
            ways = ways * (from - count + i) / i;
        }

        return ways;
    }
}
