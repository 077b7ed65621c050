using Tributary.Codecs.Adaptive;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests.Adaptive;

/// <summary>Bytes go where they save most: otherwise a budget buys less than one precision for all would.</summary>
public sealed class AdaptivePrecisionTests
{
    /// <summary>Tensors whose changes are of very different size and kind, as those of a model are.</summary>
    private static MemorySource Change() => new(
        MemorySource.Gaussian("embed", DType.F32, [512, 64], 1, 0.001f),
        MemorySource.F32("q", [64, 64], TestValues.HeavyTailed(4096, 2)),
        MemorySource.Gaussian("down", DType.F32, [64, 172], 3, 0.02f),
        MemorySource.Gaussian("norm", DType.F32, [64], 4, 0.05f),
        MemorySource.F32("frozen", [128, 32], new float[4096]));

    public static TheoryData<string> Uniform => [.. AdaptivePrecision.Options.Select(codec => codec.Name)];

    [Theory]
    [MemberData(nameof(Uniform))]
    public void In_the_bytes_of_one_precision_for_all_less_is_lost(string precision)
    {
        using MemorySource change = Change();
        using var uniform = new QuantizedSource(change, Precision.Parse(precision));
        long bytes = uniform.Manifest.ByteLength;
        IReadOnlyList<TensorChoice> choices = AdaptivePrecision.WithinBytes(change, bytes);
        choices.Sum(choice => choice.Bytes).ShouldBeLessThanOrEqualTo(bytes);
        choices.Sum(choice => choice.Error).ShouldBeLessThanOrEqualTo(1.0001 * Lost(change, uniform));
    }

    [Fact]
    public void A_message_of_the_choice_has_its_bytes_and_loses_what_it_says()
    {
        using MemorySource change = Change();
        IReadOnlyList<TensorChoice> choices = AdaptivePrecision.WithinBytes(change, change.Manifest.ByteLength / 20);
        using QuantizedSource encoded = Encoded(change, choices);
        encoded.Manifest.ByteLength.ShouldBe(choices.Sum(choice => choice.Bytes));
        Lost(change, encoded).ShouldBe(choices.Sum(choice => choice.Error), 1e-9 * choices.Sum(choice => choice.Energy));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.1)]
    [InlineData(0.01)]
    public void A_bound_of_the_error_is_held_in_no_more_bytes_than_one_precision_for_all_takes(double bound)
    {
        using MemorySource change = Change();
        IReadOnlyList<TensorChoice> choices = AdaptivePrecision.WithinError(change, bound);
        using QuantizedSource encoded = Encoded(change, choices);
        double energy = choices.Sum(choice => choice.Energy);
        Lost(change, encoded).ShouldBeLessThanOrEqualTo(bound * bound * energy * 1.0001);
        foreach (Codec codec in AdaptivePrecision.Options)
        {
            using var uniform = new QuantizedSource(change, codec);
            if (Lost(change, uniform) <= bound * bound * energy)
            {
                encoded.Manifest.ByteLength.ShouldBeLessThanOrEqualTo(uniform.Manifest.ByteLength);
            }
        }
    }

    [Fact]
    public void A_tensor_that_counts_more_gets_more_bits()
    {
        using MemorySource change = Change();
        long bytes = change.Manifest.ByteLength / 20;
        long plain = BytesOf(AdaptivePrecision.WithinBytes(change, bytes));
        BytesOf(AdaptivePrecision.WithinBytes(change, bytes, name => name == "embed" ? 10_000 : 1)).ShouldBeGreaterThan(plain);

        static long BytesOf(IReadOnlyList<TensorChoice> choices) => choices.Single(choice => choice.Tensor == "embed").Bytes;
    }

    [Fact]
    public void A_large_tensor_is_judged_by_a_sample_as_by_all_of_it()
    {
        using var change = new MemorySource(MemorySource.Gaussian("w", DType.F32, [3, Tile.ElementsMax], 5));
        foreach (Codec codec in AdaptivePrecision.Options)
        {
            using var uniform = new QuantizedSource(change, codec);
            TensorChoice choice = AdaptivePrecision.WithinBytes(change, uniform.Manifest.ByteLength).Single();
            choice.Codec.ShouldBe(codec);
            choice.Error.ShouldBe(Lost(change, uniform), 0.1 * choice.Error);
        }
    }

    [Fact]
    public void A_budget_below_the_least_there_is_gives_the_least()
    {
        using MemorySource change = Change();
        AdaptivePrecision.WithinBytes(change, 0).Sum(choice => choice.Bytes).ShouldBe(AdaptivePrecision.BytesMin(change.Manifest));
    }

    [Fact]
    public void Tensors_that_no_precision_encodes_are_within_the_budget()
    {
        using var change = new MemorySource(
            MemorySource.Gaussian("w", DType.F32, [256, 1024], 5), (new TensorSpec("mask", DType.U8, new TensorShape(16 << 10)), new byte[16 << 10]));
        long bytes = change.Manifest.ByteLength / 20;
        using QuantizedSource encoded = Encoded(change, AdaptivePrecision.WithinBytes(change, bytes));
        encoded.Manifest.ByteLength.ShouldBeInRange(bytes / 2, bytes);
    }

    [Fact]
    public void A_value_that_is_no_number_is_named_with_its_tensor_and_element()
    {
        float[] values = new float[10_000];
        values[9_000] = float.NaN;
        using var change = new MemorySource(MemorySource.F32("w", [10_000], values));
        Should.Throw<TensorFormatException>(() => AdaptivePrecision.WithinBytes(change, 1000)).Message.ShouldBe("tensor 'w' is NaN at element 9000; only finite values can be sent");
    }

    private static QuantizedSource Encoded(MemorySource change, IReadOnlyList<TensorChoice> choices)
    {
        var codecs = choices.ToDictionary(choice => choice.Tensor, choice => choice.Codec);
        return new QuantizedSource(change, spec => codecs.GetValueOrDefault(spec.Name));
    }

    private static double Lost(MemorySource change, QuantizedSource encoded)
    {
        using var decoded = new DequantizedSource(encoded);
        return change.Manifest.Sum(entry => change.ReadFloats(entry.Spec.Name).Zip(decoded.ReadFloats(entry.Spec.Name), (value, got) => ((double)value - got) * ((double)value - got)).Sum());
    }
}
