using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

public sealed class WeightedMeanTests
{
    [Fact]
    public void The_mean_of_any_sources_is_what_double_arithmetic_says()
    {
        Gen<(int Sources, int Seed, int Rows, int Columns)> cases =
            from sources in Gen.Choose(1, 64)
            from seed in Gen.Choose(0, 1_000_000)
            from rows in Gen.Choose(0, 41)
            from columns in Gen.Choose(1, 67)
            select (sources, seed, rows, columns);
        Prop.ForAll(cases.ToArbitrary(), each => CheckAgainstDouble(each.Sources, each.Seed, [each.Rows, each.Columns])).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    public void As_few_and_as_many_sources_as_there_may_be_have_the_mean_of_double_arithmetic(int sources) => CheckAgainstDouble(sources, seed: 5, [37, 11]);

    [Fact]
    public void One_source_alone_is_its_own_mean_bit_by_bit()
    {
        using var source = new MemorySource([.. RandomUpdates.FloatTypes.Select((dtype, i) => MemorySource.Gaussian($"t{i}", dtype, [999], i))]);
        using var mean = new WeightedMean([(source, 7)]);
        foreach (TensorEntry entry in source.Manifest)
        {
            mean.ReadFloats(entry.Spec.Name).ShouldBe(source.ReadFloats(entry.Spec.Name));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_value_that_is_not_finite_never_reaches_the_global_model(float bad)
    {
        using var one = new MemorySource(MemorySource.F32("w", [2], 1, 2));
        using var other = new MemorySource(MemorySource.F32("w", [2], 1, bad));
        using var mean = new WeightedMean([(one, 1), (other, 1)]);
        Should.Throw<TensorFormatException>(() => mean.ReadTensor("w")).Message.ShouldContain("tensor 'w' of update 2 of 2");
    }

    [Fact]
    public void Equal_weights_and_opposite_values_cancel()
    {
        using var one = new MemorySource(MemorySource.F32("w", [4], 1, -2, 3, 0.5f));
        using var other = new MemorySource(MemorySource.F32("w", [4], -1, 2, -3, -0.5f));
        using var mean = new WeightedMean([(one, 5), (other, 5)]);
        mean.ReadFloats("w").ShouldBe([0f, 0f, 0f, 0f]);
    }

    [Fact]
    public void Samples_weigh()
    {
        using var one = new MemorySource(MemorySource.F32("w", [2], 0, 8));
        using var other = new MemorySource(MemorySource.F32("w", [2], 4, -8));
        using var mean = new WeightedMean([(one, 300), (other, 100)]);
        mean.ReadFloats("w").ShouldBe([1f, 4f]);
    }

    [Fact]
    public void Integer_tensors_are_the_first_sources()
    {
        using var one = new MemorySource(Counts(1, 2, 3), MemorySource.F32("w", [1], 1));
        using var other = new MemorySource(MemorySource.F32("w", [1], 2), Counts(7, 8, 9));
        using var mean = new WeightedMean([(one, 1), (other, 1)]);
        mean.ReadTensor("steps").ShouldBe(one.ReadTensor("steps"));
        mean.ReadFloats("w").ShouldBe([1.5f]);
    }

    [Fact]
    public void Strips_of_a_tensor_of_several_tiles_are_the_same_bytes_as_its_tiles_however_many_threads_read()
    {
        const int Length = (2 * Tile.ElementsMax) + 777;
        using var one = new MemorySource(MemorySource.Gaussian("w", DType.F32, [Length], 1), MemorySource.Gaussian("h", DType.BF16, [5000], 3));
        using var other = new MemorySource(MemorySource.Gaussian("h", DType.F32, [5000], 4), MemorySource.Gaussian("w", DType.BF16, [Length], 2));
        using var mean = new WeightedMean([(one, 3), (other, 4)]);
        byte[] tiles = mean.ReadTensor("w");
        byte[] strips = new byte[tiles.Length];
        var places = new List<(long Tile, int Start, int Count)>();
        for (long tile = 0; tile < mean.Manifest[0].Spec.TileCount; tile++)
        {
            int elements = mean.Manifest[0].Spec.TileElements(tile);
            int strip = 7 * Tile.StripAlignment;
            for (int start = 0; start < elements; start += strip)
            {
                places.Add((tile, start, Math.Min(strip, elements - start)));
            }
        }

        Parallel.ForEach(places.AsEnumerable().Reverse(), new ParallelOptions { MaxDegreeOfParallelism = 8 }, place =>
        {
            long at = sizeof(float) * ((place.Tile * Tile.ElementsMax) + place.Start);
            mean.Read(new Tile(0, place.Tile), sizeof(float) * place.Start, strips.AsSpan((int)at, sizeof(float) * place.Count));
        });
        strips.AsSpan().SequenceEqual(tiles).ShouldBeTrue();
        AssertNear(mean, "w", [one, other], [3, 4]);
    }

    [Fact]
    public void A_tensor_that_a_source_lacks_is_named() =>
        Refusal(MemorySource.F32("a", [1], 1)).ShouldBe("tensor 'b' is missing");

    [Fact]
    public void A_tensor_of_another_shape_is_named_with_both_shapes() =>
        Refusal(MemorySource.F32("a", [1], 1), MemorySource.F32("b", [3], 1, 2, 3)).ShouldBe("tensor 'b' is F32[3], but should be F32[2]");

    [Fact]
    public void A_tensor_of_as_many_elements_in_another_shape_is_refused_too() =>
        Refusal(MemorySource.F32("a", [1], 1), MemorySource.F32("b", [1, 2], 1, 2)).ShouldBe("tensor 'b' is F32[1, 2], but should be F32[2]");

    [Fact]
    public void A_tensor_that_is_no_float_in_one_source_is_named() =>
        Refusal(MemorySource.F32("a", [1], 1), (new TensorSpec("b", DType.I32, new TensorShape(2)), new byte[8])).ShouldBe("tensor 'b' is I32[2], but should be F32[2]");

    [Fact]
    public void A_tensor_that_only_one_source_has_is_named() =>
        Refusal(MemorySource.F32("a", [1], 1), MemorySource.F32("b", [2], 1, 2), MemorySource.F32("extra", [1], 0)).ShouldBe("tensor 'extra' is not one of the model's");

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_weight_that_is_no_number_above_zero_is_refused(double weight)
    {
        using var source = new MemorySource(MemorySource.F32("w", [1], 1));
        Should.Throw<ArgumentException>(() => new WeightedMean([(source, 1), (source, weight)])).Message.ShouldContain("above zero");
    }

    [Fact]
    public void A_mean_of_nothing_is_refused() => Should.Throw<ArgumentOutOfRangeException>(() => new WeightedMean([]));

    private static void CheckAgainstDouble(int count, int seed, long[] shape)
    {
        var random = new Random(seed);
        MemorySource[] sources = [.. Enumerable.Range(0, count).Select(_ => RandomUpdates.Next(random, shape))];
        double[] weights = [.. sources.Select(_ => 1 + (1000 * random.NextDouble()))];
        using var mean = new WeightedMean([.. sources.Zip(weights)]);
        mean.Manifest.Select(entry => entry.Spec).ShouldBe(sources[0].Manifest.Select(entry => entry.Spec with { DType = DType.F32 }));
        foreach (string name in RandomUpdates.Names)
        {
            AssertNear(mean, name, sources, weights);
        }
    }

    private static void AssertNear(WeightedMean mean, string name, IReadOnlyList<TensorSource> sources, double[] weights)
    {
        float[] found = mean.ReadFloats(name);
        float[][] values = [.. sources.Select(source => source.ReadFloats(name))];
        double total = weights.Sum();
        for (int i = 0; i < found.Length; i++)
        {
            double exact = 0, magnitude = 0;
            for (int s = 0; s < values.Length; s++)
            {
                exact += values[s][i] * weights[s] / total;
                magnitude += Math.Abs(values[s][i]) * weights[s] / total;
            }

            // The fp32 sum of n products of rounded weights.
            double allowed = (values.Length + 3) * Math.ScaleB(1, -24) * magnitude;
            Math.Abs(found[i] - exact).ShouldBeLessThanOrEqualTo(allowed, $"{name}[{i}] of {values.Length} sources");
        }
    }

    private static (TensorSpec Spec, byte[] Data) Counts(params long[] values) =>
        (new TensorSpec("steps", DType.I64, new TensorShape(values.Length)), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private static string Refusal(params (TensorSpec, byte[])[] tensors)
    {
        using var expected = new MemorySource(MemorySource.F32("a", [1], 1), MemorySource.F32("b", [2], 1, 2));
        using var other = new MemorySource(tensors);
        return Should.Throw<TensorFormatException>(() => new WeightedMean([(expected, 1), (other, 1)])).Message;
    }
}
