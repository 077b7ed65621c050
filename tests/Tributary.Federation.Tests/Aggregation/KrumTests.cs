using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

public sealed class KrumTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3, 0, 1)]
    [InlineData(7, 2, 1)]
    [InlineData(7, 2, 5)]
    [InlineData(16, 6, 4)]
    [InlineData(64, 30, 34)]
    public void The_updates_that_double_arithmetic_scores_lowest_are_chosen(int count, int byzantine, int keep)
    {
        for (int seed = 0; seed < 10; seed++)
        {
            MemorySource[] updates = RandomUpdates.Many(count, (100 * count) + seed, [23, 17]);
            Krum.Choose(updates, byzantine, keep, threads: 2, Cancel).ShouldBe(ChooseInDouble(updates, byzantine, keep));
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(64)]
    public void Distances_over_several_tiles_are_those_of_double_arithmetic_and_the_same_bits_by_any_number_of_threads(int count)
    {
        MemorySource[] updates = RandomUpdates.Large(count == 64 ? 3 : count);
        MemorySource[] repeated = [.. Enumerable.Range(0, count).Select(i => updates[i % updates.Length])];
        using var pairs = new PairwiseDistances(repeated);
        double[,] found = pairs.Sum(threads: 1, Cancel);
        pairs.Sum(threads: 7, Cancel).Cast<double>().ShouldBe(found.Cast<double>());
        for (int one = 0; one < updates.Length; one++)
        {
            for (int other = 0; other < updates.Length; other++)
            {
                double exact = SquaredDistance(updates[one], updates[other], ["w", "h"]);
                Math.Abs(found[one, other] - exact).ShouldBeLessThanOrEqualTo(1e-6 * exact, $"{one} and {other}");
            }
        }
    }

    [Fact]
    public void A_distance_is_summed_in_the_lanes_of_its_scalar_reference_whatever_the_vectors()
    {
        foreach (int length in new[] { 1, 31, 32, 33, 63, 64, 65, 4095, 4096, 20_000 })
        {
            using var source = new MemorySource(MemorySource.Gaussian("a", DType.F32, [length], length), MemorySource.Gaussian("b", DType.F32, [length], -length));
            float[] one = source.ReadFloats("a"), other = source.ReadFloats("b");
            PairwiseDistances.SquaredDistance(one, other).ShouldBe(KernelReferences.SquaredDistance(one, other), $"{length} elements");
        }
    }

    [Fact]
    public void The_choice_does_not_depend_on_the_order_of_arrival_nor_on_threads()
    {
        MemorySource[] updates = RandomUpdates.Large(9);
        IReadOnlyList<int> chosen = Krum.Choose(updates, 3, 4, threads: 1, Cancel);
        Krum.Choose(updates, 3, 4, threads: 6, Cancel).ShouldBe(chosen);
        int[] order = [8, 3, 1, 0, 7, 2, 6, 4, 5];
        Krum.Choose([.. order.Select(place => updates[place])], 3, 4, threads: 2, Cancel).Select(place => order[place]).Order().ShouldBe(chosen);
    }

    [Fact]
    public void The_mean_is_that_of_the_chosen_updates_alone_and_each_counts_once()
    {
        MemorySource[] updates = [.. new[] { 1f, 2f, 1000f, 3f, -500f, 2f, 2f }.Select(value => new MemorySource(MemorySource.F32("w", [2], value, -value)))];
        using WeightedMean one = Krum.Mean(updates, byzantine: 2, keep: 1, Cancel);
        one.ReadFloats("w").ShouldBe([2f, -2f]);
        using WeightedMean five = Krum.Mean(updates, byzantine: 2, keep: 5, Cancel);
        five.ReadFloats("w").ShouldBe([2f, -2f]);
    }

    [Fact]
    public void Of_equal_updates_the_first_is_chosen_and_not_any()
    {
        using var same = new MemorySource(MemorySource.F32("w", [1], 1));
        Krum.Choose([same, same, same, same, same], 1, 2, threads: 2, Cancel).ShouldBe([0, 1]);
    }

    [Fact]
    public void Updates_as_far_apart_as_floats_can_be_are_told_from_the_others()
    {
        using var far = new MemorySource(MemorySource.F32("w", [2], float.MaxValue, 1));
        using var opposite = new MemorySource(MemorySource.F32("w", [2], float.MinValue, 1));
        MemorySource[] updates = [far, .. Enumerable.Range(0, 5).Select(i => new MemorySource(MemorySource.F32("w", [2], i, i))), opposite];
        Krum.Choose(updates, 2, 3, threads: 1, Cancel).ShouldBe([2, 3, 4]);
    }

    [Fact]
    public void A_value_that_is_not_finite_is_refused_with_tensor_and_update()
    {
        using var good = new MemorySource(MemorySource.F32("w", [2], 1, 2));
        using var bad = new MemorySource(MemorySource.F32("w", [2], 1, float.NaN));
        Should.Throw<TensorFormatException>(() => Krum.Mean([good, good, bad], 0, 1, Cancel)).Message.ShouldContain("tensor 'w' of update 3 of 3");
    }

    [Fact]
    public void A_tensor_that_is_missing_is_named()
    {
        using var one = new MemorySource(MemorySource.F32("w", [1], 1), MemorySource.F32("v", [1], 1));
        using var other = new MemorySource(MemorySource.F32("w", [1], 1));
        Should.Throw<TensorFormatException>(() => Krum.Mean([one, one, other], 0, 1, Cancel)).Message.ShouldBe("tensor 'v' is missing");
    }

    [Theory]
    [InlineData(6, 2, 1)]
    [InlineData(7, 2, 6)]
    [InlineData(7, 2, 0)]
    [InlineData(7, -1, 1)]
    public void Too_few_updates_for_the_guarantee_and_more_to_keep_than_are_honest_are_refused(int count, int byzantine, int keep) =>
        Should.Throw<ArgumentOutOfRangeException>(() => Krum.Mean(RandomUpdates.Many(count, 1, [1, 1]), byzantine, keep, Cancel));

    private static int[] ChooseInDouble(MemorySource[] updates, int byzantine, int keep)
    {
        double[] scores = [.. updates.Select(one => updates.Where(other => other != one)
            .Select(other => SquaredDistance(one, other, RandomUpdates.Names)).Order().Take(updates.Length - byzantine - 2).Sum())];
        return [.. Enumerable.Range(0, updates.Length).OrderBy(place => scores[place]).Take(keep).Order()];
    }

    private static double SquaredDistance(MemorySource one, MemorySource other, IEnumerable<string> names) =>
        names.Sum(name => one.ReadFloats(name).Zip(other.ReadFloats(name), (a, b) => ((double)a - b) * ((double)a - b)).Sum());
}
