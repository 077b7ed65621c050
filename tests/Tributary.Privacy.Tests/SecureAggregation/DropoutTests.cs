using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>Sites go away at any moment. A sum that is then wrong is a wrong model that nobody can see is wrong; one that is given below the threshold is somebody's data.</summary>
public sealed class DropoutTests
{
    private const int Stages = 5;

    [Theory]
    [InlineData(3, 8)]
    [InlineData(4, 16)]
    [InlineData(5, 32)]
    [InlineData(6, 11)]
    public void Whatever_sites_drop_out_at_whatever_stages_the_sum_is_the_survivors_exactly_or_there_is_none(int sites, int bits)
    {
        var round = SecureRound.RoundOf(sites, bits);
        int[][] patterns = [.. Patterns(sites).Select(pattern => Relevant(pattern, round.Threshold)).DistinctBy(pattern => string.Join(',', pattern))];
        int sums = 0;
        Parallel.ForEach(patterns, pattern =>
        {
            if (Check(round, new QuickKeys(), pattern))
            {
                Interlocked.Increment(ref sums);
            }
        });

        // Over two thirds: none of 3, and one of 4, 5 and 6 may go at any of the stages.
        sums.ShouldBe(sites == 3 ? 1 : 1 + (sites * Stages));
    }

    [Theory]
    [InlineData(7, 5, 3)]
    [InlineData(10, 8, 3)]
    [InlineData(16, 8, 3)]
    [InlineData(33, 20, 2)]
    [InlineData(64, 8, 2)]
    public void Up_to_64_sites_with_dropouts_by_chance(int sites, int bits, int runs)
    {
        var round = SecureRound.RoundOf(sites, bits);
        var keys = new CertificateKeys(round.Roster);
        for (int seed = 0; seed < runs; seed++)
        {
            var random = new Random((sites * 1000) + seed);
            int[] pattern = [.. Enumerable.Repeat(Stages, sites)];

            // As many as may go, and in the last run one more.
            int leaving = sites - round.Threshold + (seed == runs - 1 ? 1 : 0);
            foreach (int site in Enumerable.Range(0, sites).OrderBy(_ => random.Next()).Take(leaving))
            {
                pattern[site] = random.Next(Stages);
            }

            Check(round, keys, pattern).ShouldBe(seed < runs - 1);
        }
    }

    [Fact]
    public void With_a_sparse_graph_sites_far_apart_still_add_up()
    {
        var round = SecureRound.RoundOf(NeighbourGraph.EveryoneMax + 16);
        round.Graph.Degree.ShouldBeLessThan(round.Roster.Count - 1);
        var random = new Random(1);
        Check(round, new QuickKeys(), [.. round.Roster.Select((_, i) => i % 10 == 3 ? random.Next(Stages) : Stages)]).ShouldBeTrue();
    }

    [Fact]
    public void The_minimum_cohort_holds_even_where_two_thirds_are_fewer()
    {
        var round = SecureRound.RoundOf(6, cohort: 6);
        Check(round, new QuickKeys(), [5, 5, 5, 5, 5, 5]).ShouldBeTrue();
        Check(round, new QuickKeys(), [5, 5, 5, 4, 5, 5]).ShouldBeFalse();
        Should.Throw<ArgumentException>(() => SecureRound.RoundOf(6, cohort: 2));
        Should.Throw<ArgumentException>(() => SecureRound.RoundOf(6, cohort: 7));
        Should.Throw<ArgumentException>(() => SecureRound.RoundOf(2));
    }

    [Fact]
    public void Answers_that_come_after_the_first_attempt_to_unmask_still_count()
    {
        using var federation = new SecureRound(SecureRound.RoundOf(4), new QuickKeys());
        var held = new List<string>();
        Should.Throw<BelowThresholdException>(() => federation.Run((site, stage) =>
        {
            bool isHeld = stage == 4 && held.Count < 2;
            if (isHeld)
            {
                held.Add(site);
            }

            return !isHeld;
        })).Message.ShouldContain("2, but 3 are needed");
        var request = new UnmaskingRequest([.. federation.Server.Survivors], [.. federation.Sites.Values.Select(site => site.Sign([.. federation.Server.Survivors]))]);
        federation.Server.Take(federation.Sites[held[0]].Unmask(request));
        SecureRound.Read(federation.Server.Unmask()).ShouldBe(SecureRound.PlainSum(federation.Round.Ring, federation.Integers.Values));
    }

    /// <summary>One round in which each site sends no message from a stage on. Whether there was a sum, which is then the right one.</summary>
    private static bool Check(AggregationRound round, SiteKeys keys, int[] leaves)
    {
        var leavesAt = round.Roster.Zip(leaves).ToDictionary(site => site.First, site => site.Second, StringComparer.Ordinal);
        using var federation = new SecureRound(round, keys, leaves.Aggregate(17, (hash, stage) => unchecked((hash * 31) + stage)));
        var answers = new List<UnmaskingAnswer>();
        if (leaves.Count(stage => stage == Stages) < round.Threshold)
        {
            Should.Throw<BelowThresholdException>(() => federation.Run((site, stage) => leavesAt[site] > stage, answers));

            // Where the threshold broke before sites were asked, no share has left any. After that, too few of each have.
            bool isAsked = leaves.Count(stage => stage >= Stages - 1) >= round.Threshold;
            answers.Count.ShouldBe(isAsked ? leaves.Count(stage => stage == Stages) : 0);
            return false;
        }

        using TensorSource sum = federation.Run((site, stage) => leavesAt[site] > stage, answers);
        string[] survivors = [.. round.Roster.Where(site => leavesAt[site] > 2)];
        federation.Server.Survivors.ShouldBe(survivors);
        SecureRound.Read(sum).ShouldBe(SecureRound.PlainSum(round.Ring, survivors.Select(site => federation.Integers[site])), string.Join(',', leaves));
        answers.ShouldAllBe(answer => !answer.Seeds.Select(share => share.Of).Intersect(answer.MaskKeys.Select(share => share.Of)).Any());
        return true;
    }

    /// <summary>All ways in which sites can leave: each at one of the stages, or not.</summary>
    private static IEnumerable<int[]> Patterns(int sites) =>
        sites == 0 ? [[]] : Patterns(sites - 1).SelectMany(pattern => Enumerable.Range(0, Stages + 1), (pattern, stage) => (int[])[.. pattern, stage]);

    /// <summary>Once too few are left the round is over: what sites would have done at later stages is no other round, so they count as there.</summary>
    private static int[] Relevant(int[] pattern, int threshold)
    {
        int end = Enumerable.Range(0, Stages).FirstOrDefault(stage => pattern.Count(leaves => leaves > stage) < threshold, Stages);
        return [.. pattern.Select(leaves => leaves > end ? Stages : leaves)];
    }
}
