using System.Runtime.InteropServices;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

public sealed class DeltaTests
{
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void A_change_of_the_size_of_a_training_step_applied_to_its_base_gives_the_model_back_bit_by_bit(DType dtype)
    {
        using var start = new MemorySource(MemorySource.Gaussian("w", dtype, [Tile.ElementsMax + 333], 1));
        // Up to an eighth larger or smaller: neighbours within a factor of two subtract exactly.
        float[] trained = start.ReadFloats("w");
        var random = new Random(2);
        for (int i = 0; i < trained.Length; i++)
        {
            trained[i] *= 0.875f + (0.25f * random.NextSingle());
        }

        using var model = new MemorySource(Floats("w", dtype, trained));
        using var delta = new DeltaSource(model, start);
        using var applied = new AppliedDelta(start, delta);
        delta.Manifest[0].Spec.DType.ShouldBe(DType.F32);
        applied.Manifest.ShouldBe(start.Manifest);
        applied.ReadTensor("w").AsSpan().SequenceEqual(model.ReadTensor("w")).ShouldBeTrue();
    }

    [Fact]
    public void A_change_smaller_than_the_bases_type_can_tell_survives_in_the_message()
    {
        // bf16 has 8 bits: between 1 and 2 its steps are 2^-7.
        using var start = new MemorySource(Floats("w", DType.BF16, [1f]));
        using var model = new MemorySource(MemorySource.F32("w", [1], 1.001f));
        using var delta = new DeltaSource(model, start);
        delta.ReadFloats("w").ShouldBe([1.001f - 1f]);
        using var applied = new AppliedDelta(start, delta);
        applied.ReadFloats("w").ShouldBe([1f]);
    }

    [Fact]
    public void Integer_tensors_are_the_models_and_not_a_difference()
    {
        using var start = new MemorySource(Counts(10, 20), MemorySource.F32("w", [1], 1));
        using var model = new MemorySource(MemorySource.F32("w", [1], 3), Counts(11, 25));
        using var delta = new DeltaSource(model, start);
        delta.ReadTensor("steps").ShouldBe(model.ReadTensor("steps"));
        delta.ReadFloats("w").ShouldBe([2f]);
        using var applied = new AppliedDelta(start, delta);
        applied.ReadTensor("steps").ShouldBe(model.ReadTensor("steps"));
        applied.ReadFloats("w").ShouldBe([3f]);
    }

    [Fact]
    public void A_strip_of_a_change_is_what_it_is_in_its_tile()
    {
        const int Length = Tile.ElementsMax + 9000;
        using var start = new MemorySource(MemorySource.Gaussian("v", DType.F32, [3], 5), MemorySource.Gaussian("w", DType.BF16, [Length], 6));
        using var model = new MemorySource(MemorySource.Gaussian("w", DType.BF16, [Length], 7), MemorySource.Gaussian("v", DType.F32, [3], 8));
        using var delta = new DeltaSource(model, start);
        using var applied = new AppliedDelta(start, delta);
        byte[] change = new byte[4 * 808];
        delta.Read(new Tile(0, 1), 4 * 8192, change);
        change.ShouldBe(delta.ReadTensor("w")[^change.Length..]);
        byte[] strip = new byte[2 * 808];
        applied.Read(new Tile(1, 1), 2 * 8192, strip);
        strip.ShouldBe(applied.ReadTensor("w")[^strip.Length..]);
    }

    [Fact]
    public void A_model_with_other_tensors_than_its_base_is_refused_by_name()
    {
        using var start = new MemorySource(MemorySource.F32("w", [2], 1, 2));
        using var misshapen = new MemorySource(MemorySource.F32("w", [3], 1, 2, 3));
        using var other = new MemorySource(MemorySource.F32("v", [2], 1, 2));
        Should.Throw<TensorFormatException>(() => new DeltaSource(misshapen, start)).Message.ShouldContain("'w'");
        Should.Throw<TensorFormatException>(() => new AppliedDelta(start, other)).Message.ShouldBe("tensor 'w' is missing");
    }

    private static (TensorSpec Spec, byte[] Data) Floats(string name, DType dtype, float[] values)
    {
        byte[] data = new byte[values.Length * dtype.Size()];
        DenseFloats.Narrow(values, dtype, data);
        return (new TensorSpec(name, dtype, new TensorShape(values.Length)), data);
    }

    private static (TensorSpec Spec, byte[] Data) Counts(params long[] values) =>
        (new TensorSpec("steps", DType.I64, new TensorShape(values.Length)), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
}
