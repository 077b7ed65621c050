using FsCheck;
using FsCheck.Fluent;

namespace Tributary.Tensors.Tests;

public sealed class DenseFloatsTests
{
    [Fact]
    public void Every_half_and_every_bfloat16_widens_and_narrows_to_itself()
    {
        foreach (DType dtype in new[] { DType.F16, DType.BF16 })
        {
            byte[] all = new byte[2 * 65536];
            for (int i = 0; i < 65536; i++)
            {
                BitConverter.TryWriteBytes(all.AsSpan(2 * i), (ushort)i);
            }

            float[] values = new float[65536];
            DenseFloats.Widen(dtype, all, values);
            byte[] back = new byte[all.Length];
            DenseFloats.Narrow(values, dtype, back);
            for (int i = 0; i < 65536; i++)
            {
                if (float.IsFinite(values[i]))
                {
                    BitConverter.ToUInt16(back, 2 * i).ShouldBe((ushort)i);
                }
            }
        }
    }

    [Fact]
    public void Values_beyond_the_halves_become_the_largest_half_not_infinity()
    {
        byte[] bytes = new byte[4];
        DenseFloats.Narrow([1e9f, -70000f], DType.F16, bytes);
        float[] values = new float[2];
        DenseFloats.Widen(DType.F16, bytes, values);
        values.ShouldBe([65504f, -65504f]);
    }

    [Fact]
    public void Bfloat16_rounds_to_the_nearest_and_ties_to_even() => Prop.ForAll(
        ArbMap.Default.ArbFor<int>(),
        bits =>
        {
            float value = BitConverter.Int32BitsToSingle(bits);
            if (!float.IsFinite(value))
            {
                return true;
            }

            ushort rounded = DenseFloats.ToBFloat16(value);
            double low = BitConverter.UInt32BitsToSingle((uint)bits & 0xFFFF0000);
            double high = BitConverter.UInt32BitsToSingle(((uint)bits & 0xFFFF0000) + 0x10000);
            bool isHigh = rounded != (uint)bits >> 16;
            double toLow = Math.Abs(value - low);
            double toHigh = double.IsFinite(high) ? Math.Abs(high - value) : Math.Abs(low) * Math.Pow(2, -7) - toLow;
            return toLow < toHigh ? !isHigh : toHigh < toLow ? isHigh : (rounded & 1) == 0;
        }).QuickCheckThrowOnFailure();
}
