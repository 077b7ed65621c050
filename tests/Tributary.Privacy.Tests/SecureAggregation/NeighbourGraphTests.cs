using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>A graph with too few neighbours lets a few colluding sites unmask another; one that two parties make differently gives a sum of noise.</summary>
public sealed class NeighbourGraphTests
{
    [Fact]
    public void Up_to_64_sites_everyone_is_everyones_neighbour()
    {
        NeighbourGraph graph = SecureRound.RoundOf(64).Graph;
        graph.Degree.ShouldBe(63);
        graph.ShareThreshold.ShouldBe(43);
        graph.Neighbours(SecureRound.Names(1)[0]).ShouldBe(SecureRound.Names(64)[1..].Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(80, 54)]
    [InlineData(128, 62)]
    [InlineData(256, 80)]
    [InlineData(1000, 116)]
    [InlineData(5000, 134)]
    public void Beyond_each_has_as_many_as_the_three_bounds_need(int sites, int degree) => NeighbourGraph.DegreeFor(sites).ShouldBe(degree);

    [Fact]
    public void The_bounds_hold_at_the_degree_by_logarithms_too_and_one_of_them_not_at_two_fewer()
    {
        foreach (int sites in (int[])[100, 200, 300, 1000])
        {
            int degree = NeighbourGraph.DegreeFor(sites);
            Bounds(sites, degree).ShouldBeTrue();
            Bounds(sites, degree - 2).ShouldBeFalse();
        }
    }

    [Fact]
    public void It_is_regular_and_both_ways_and_the_same_for_every_order_of_the_roster()
    {
        AggregationRound round = SecureRound.RoundOf(100);
        NeighbourGraph reversed = new AggregationRound("job", 3, "sha256:aa", SecureRound.Names(100).Reverse(), new RingGrid(1, 8, 100)).Graph;
        foreach (string site in round.Roster)
        {
            IReadOnlyList<string> neighbours = round.Graph.Neighbours(site);
            neighbours.Distinct().Count().ShouldBe(round.Graph.Degree);
            neighbours.ShouldNotContain(site);
            neighbours.ShouldAllBe(neighbour => round.Graph.Neighbours(neighbour).Contains(site));
            reversed.Neighbours(site).ShouldBe(neighbours);
            round.Graph.Holders(site).Count.ShouldBe(round.Graph.Degree + 1);
        }

        // Another round has another graph, so nobody's neighbours are chosen once and for all.
        SecureRound.RoundOf(100, round: 4).Graph.Neighbours(round.Roster[0]).ShouldNotBe(round.Graph.Neighbours(round.Roster[0]));
    }

    /// <summary>The remarks of <see cref="NeighbourGraph"/>, written once more.</summary>
    private static bool Bounds(int sites, int degree)
    {
        int colluding = (sites - 1) / 3;
        int dropping = (sites + 9) / 10;
        int threshold = (2 * (degree + 1) / 3) + 1;
        double[] logFactorial = new double[sites + 1];
        for (int i = 1; i <= sites; i++)
        {
            logFactorial[i] = logFactorial[i - 1] + Math.Log2(i);
        }

        double Choose(int n, int k) => k < 0 || k > n ? double.NegativeInfinity : logFactorial[n] - logFactorial[k] - logFactorial[n - k];
        double Tail(int marked, int least) => Enumerable.Range(least, degree + 1 - least)
            .Sum(i => Math.Pow(2, Choose(marked, i) + Choose(sites - 1 - marked, degree - i) - Choose(sites - 1, degree)));
        double split = Math.Pow(2, Choose(colluding + dropping, degree / 2) - Choose(sites, degree / 2));
        return sites * Tail(colluding, threshold) <= Math.Pow(2, -40) && sites * Tail(dropping, degree + 1 - threshold) <= Math.Pow(2, -30) && sites * split <= Math.Pow(2, -40);
    }
}
