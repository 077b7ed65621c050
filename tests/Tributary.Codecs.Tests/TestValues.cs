namespace Tributary.Codecs.Tests;

/// <summary>Values that codecs must cope with; the same for the same seed.</summary>
internal static class TestValues
{
    public static float[] Gaussian(int count, int seed, double scale = 1)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(scale * Normal(random));
        }

        return values;
    }

    /// <summary>Mostly small, now and then a hundred times larger: what a trained layer with outliers looks like.</summary>
    public static float[] HeavyTailed(int count, int seed)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)(0.02 * Normal(random) * (random.Next(200) == 0 ? 100 : 1));
        }

        return values;
    }

    /// <summary>Any finite bit pattern: zeros of both signs, subnormals, the largest floats.</summary>
    public static float[] AnyFinite(int count, int seed)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            float value = BitConverter.UInt32BitsToSingle((uint)random.NextInt64(1L << 32));
            values[i] = float.IsFinite(value) ? value : 0;
        }

        return values;
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
