using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

/// <summary>
/// What is common to the median and the trimmed mean: a user whose job names one gets, at every coordinate, the figure that a sort and
/// double arithmetic give, the same bytes on every run, and never a model made of a value that is none.
/// </summary>
public sealed class RobustReducerTests
{
    public static TheoryData<string> Reducers => ["median", "trimmed mean"];

    [Theory]
    [MemberData(nameof(Reducers))]
    public void Any_number_of_sources_of_any_shape_is_reduced_as_a_sort_and_double_arithmetic_do(string reducer)
    {
        Gen<(int Sources, int Seed, int Rows, int Columns)> cases =
            from sources in Gen.Choose(1, 64)
            from seed in Gen.Choose(0, 1_000_000)
            from rows in Gen.Choose(0, 41)
            from columns in Gen.Choose(1, 67)
            select (sources, seed, rows, columns);
        Prop.ForAll(cases.ToArbitrary(), each => Check(reducer, RandomUpdates.Many(each.Sources, each.Seed, [each.Rows, each.Columns])))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    [Theory]
    [MemberData(nameof(Reducers))]
    public void Every_number_of_sources_from_one_to_64_is_sorted(string reducer)
    {
        for (int count = 1; count <= 64; count++)
        {
            Check(reducer, RandomUpdates.Many(count, count, [7, 13]));
        }
    }

    [Theory]
    [InlineData("median", 6)]
    [InlineData("median", 33)]
    [InlineData("trimmed mean", 6)]
    [InlineData("trimmed mean", 33)]
    public void Tensors_of_several_tiles_are_the_same_bytes_in_any_order_by_any_number_of_threads_and_in_strips(string reducer, int count)
    {
        MemorySource[] updates = RandomUpdates.Large(count);
        using TensorSource reduced = Make(reducer, updates);
        string digest = RandomUpdates.Digest(reduced, threads: 1);
        RandomUpdates.Digest(reduced, threads: 5).ShouldBe(digest);
        new Random(count).Shuffle(updates);
        using TensorSource shuffled = Make(reducer, updates);
        RandomUpdates.Digest(shuffled, threads: 2).ShouldBe(digest, "the order of the sites");

        byte[] whole = reduced.ReadTensor("w");
        byte[] strip = new byte[sizeof(float) * (12_345 - Tile.StripAlignment)];
        reduced.Read(new Tile(reduced.Manifest.IndexOf("w"), 1), sizeof(float) * Tile.StripAlignment, strip);
        strip.AsSpan().SequenceEqual(whole.AsSpan()[^strip.Length..]).ShouldBeTrue("a strip at a tile's end");
    }

    [Theory]
    [MemberData(nameof(Reducers))]
    public void Fewer_bad_sources_than_are_cut_cannot_leave_the_range_of_the_good_ones(string reducer)
    {
        MemorySource[] good = [.. Enumerable.Range(0, 5).Select(i => new MemorySource(MemorySource.Gaussian("w", DType.F32, [1000], i)))];
        using var high = new MemorySource(MemorySource.F32("w", [1000], [.. Enumerable.Repeat(float.MaxValue, 1000)]));
        using var low = new MemorySource(MemorySource.F32("w", [1000], [.. Enumerable.Repeat(-1e30f, 1000)]));
        float[][] values = [.. good.Select(source => source.ReadFloats("w"))];
        foreach (MemorySource[] bad in new[] { new[] { high, high }, [high, low], [low, low] })
        {
            // A share of 0.3 cuts two of seven.
            using TensorSource reduced = reducer == "median" ? new CoordinateMedian([bad[0], .. good, bad[1]]) : new TrimmedMean([bad[0], .. good, bad[1]], 0.3);
            float[] found = reduced.ReadFloats("w");
            for (int i = 0; i < found.Length; i++)
            {
                found[i].ShouldBeInRange(values.Min(source => source[i]), values.Max(source => source[i]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Reducers))]
    public void Zeros_of_either_sign_are_one_value_so_that_the_order_of_sites_cannot_show(string reducer)
    {
        using var negative = new MemorySource(MemorySource.F32("w", [2], -0f, -0f));
        using var positive = new MemorySource(MemorySource.F32("w", [2], 0f, -0f));
        foreach (MemorySource[] updates in new[] { new[] { negative, positive, negative }, [negative, negative, positive], [positive, negative, negative] })
        {
            using TensorSource reduced = Make(reducer, updates);
            reduced.ReadTensor("w").ShouldBe(new byte[8]);
        }
    }

    [Theory]
    [InlineData("median", float.NaN)]
    [InlineData("median", float.NegativeInfinity)]
    [InlineData("trimmed mean", float.NaN)]
    [InlineData("trimmed mean", float.PositiveInfinity)]
    public void A_value_that_is_not_finite_is_refused_with_tensor_and_update(string reducer, float bad)
    {
        using var good = new MemorySource(MemorySource.F32("w", [2], 1, 2));
        using var other = new MemorySource(MemorySource.F32("w", [2], 1, bad));
        using TensorSource reduced = Make(reducer, [good, other, good]);
        Should.Throw<TensorFormatException>(() => reduced.ReadTensor("w")).Message.ShouldContain("tensor 'w' of update 2 of 3");
    }

    [Fact]
    public void A_trimmed_mean_too_large_for_fp32_is_an_error_and_not_infinity_in_the_model()
    {
        using var large = new MemorySource(MemorySource.F32("w", [1], float.MaxValue));
        using var mean = new TrimmedMean([large, large, large, large, large], 0.2);
        Should.Throw<TensorFormatException>(() => mean.ReadTensor("w")).Message.ShouldBe("tensor 'w': the updates are too large to be summed in fp32");
        using var median = new CoordinateMedian([large, large]);
        median.ReadFloats("w").ShouldBe([float.MaxValue]);
    }

    [Theory]
    [MemberData(nameof(Reducers))]
    public void Integer_tensors_are_the_first_sources_and_other_tensors_are_refused_by_name(string reducer)
    {
        using var one = new MemorySource(Counts(1, 2, 3), MemorySource.F32("w", [1], 1));
        using var other = new MemorySource(MemorySource.F32("w", [1], 1), Counts(7, 8, 9));
        using TensorSource reduced = Make(reducer, [one, other]);
        reduced.ReadTensor("steps").ShouldBe(one.ReadTensor("steps"));
        using var lacking = new MemorySource(MemorySource.F32("w", [1], 1));
        Should.Throw<TensorFormatException>(() => Make(reducer, [one, lacking])).Message.ShouldBe("tensor 'steps' is missing");
        using var misshapen = new MemorySource(Counts(1, 2, 3), MemorySource.F32("w", [1, 1], 1));
        Should.Throw<TensorFormatException>(() => Make(reducer, [one, misshapen])).Message.ShouldBe("tensor 'w' is F32[1, 1], but should be F32[1]");
    }

    [Theory]
    [InlineData(7, 0.2, 1)]
    [InlineData(5, 0.2, 1)]
    [InlineData(4, 0.2, 0)]
    [InlineData(100, 0.29, 29)]
    [InlineData(30, 0.1, 3)]
    [InlineData(3, 0.49, 1)]
    [InlineData(1, 0.49, 0)]
    public void The_share_that_is_trimmed_is_a_whole_number_of_sites_and_some_are_left(int sites, double trim, int cut) =>
        TrimmedMean.CutOf(sites, trim).ShouldBe(cut);

    private static TensorSource Make(string reducer, MemorySource[] updates) =>
        reducer == "median" ? new CoordinateMedian(updates) : new TrimmedMean(updates, 0.2);

    private static void Check(string reducer, MemorySource[] updates)
    {
        using TensorSource reduced = Make(reducer, updates);
        reduced.Manifest.Select(entry => entry.Spec).ShouldBe(updates[0].Manifest.Select(entry => entry.Spec with { DType = DType.F32 }));
        int cut = reducer == "median" ? (updates.Length - 1) / 2 : TrimmedMean.CutOf(updates.Length, 0.2);
        foreach (string name in RandomUpdates.Names)
        {
            float[] found = reduced.ReadFloats(name);
            float[][] values = [.. updates.Select(update => update.ReadFloats(name))];
            for (int i = 0; i < found.Length; i++)
            {
                double[] kept = [.. values.Select(update => (double)update[i]).Order().Skip(cut).Take(updates.Length - (2 * cut))];
                double allowed = (kept.Length + 1) * Math.ScaleB(1, -24) * kept.Average(Math.Abs);
                Math.Abs(found[i] - kept.Average()).ShouldBeLessThanOrEqualTo(allowed, $"{name}[{i}] of {updates.Length} sources");
            }
        }
    }

    private static (TensorSpec Spec, byte[] Data) Counts(params long[] values) =>
        (new TensorSpec("steps", DType.I64, new TensorShape(values.Length)), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
}
