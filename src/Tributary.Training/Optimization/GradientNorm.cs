using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>The length of all gradients taken as one vector, summed in double precision.</summary>
internal static unsafe class GradientNorm
{
    /// <summary>The root of the sum of squares over all tensors.</summary>
    public static double Of(ParameterSet gradients)
    {
        double sum = 0;
        for (int i = 0; i < gradients.All.Count; i++)
        {
            sum += SumOfSquares(gradients.All[i].Buffer);
        }

        return Math.Sqrt(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double SumOfSquares(FloatBuffer buffer)
    {
        Vector256<double> low = default, high = default;
        float* data = buffer.Data;
        long i = 0;
        for (; i <= buffer.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            (Vector256<double> a, Vector256<double> b) = Vector256.Widen(Vector256.Load(data + i));
            low = Vector256.FusedMultiplyAdd(a, a, low);
            high = Vector256.FusedMultiplyAdd(b, b, high);
        }

        double sum = Vector256.Sum(low + high);
        for (; i < buffer.Length; i++)
        {
            sum += (double)data[i] * data[i];
        }

        return sum;
    }
}
