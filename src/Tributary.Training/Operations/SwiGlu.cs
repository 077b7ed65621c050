using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>y = silu(gate) * up with silu(x) = x / (1 + e^-x), element by element.</summary>
/// <remarks>Shazeer, "GLU Variants Improve Transformer" (2020).</remarks>
internal static unsafe class SwiGlu
{
    private const int Lanes = VectorMath.Lanes;

    /// <summary>Computes y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(Matrix gate, Matrix up, Matrix y)
    {
        long i = 0;
        for (; i <= y.Length - Lanes; i += Lanes)
        {
            Vector256<float> x = Vector256.Load(gate.Data + i);
            (x * Sigmoid(x) * Vector256.Load(up.Data + i)).Store(y.Data + i);
        }

        for (; i < y.Length; i++)
        {
            float x = gate.Data[i];
            y.Data[i] = x * Sigmoid(Vector256.Create(x))[0] * up.Data[i];
        }
    }

    /// <summary>
    /// Replaces gate and up by their gradients: dup = dy silu(gate), dgate = dy up s (1 + gate (1 - s)) with s = sigmoid(gate).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BackwardInPlace(Matrix gate, Matrix up, Matrix outputGradient)
    {
        long i = 0;
        for (; i <= gate.Length - Lanes; i += Lanes)
        {
            Vector256<float> dy = Vector256.Load(outputGradient.Data + i);
            Backward(Vector256.Load(gate.Data + i), Vector256.Load(up.Data + i), dy, out Vector256<float> dg, out Vector256<float> du);
            dg.Store(gate.Data + i);
            du.Store(up.Data + i);
        }

        for (; i < gate.Length; i++)
        {
            var dy = Vector256.Create(outputGradient.Data[i]);
            Backward(
                Vector256.Create(gate.Data[i]), Vector256.Create(up.Data[i]), dy, out Vector256<float> dg, out Vector256<float> du);
            gate.Data[i] = dg[0];
            up.Data[i] = du[0];
        }
    }

    private static void Backward(
        Vector256<float> gate, Vector256<float> up, Vector256<float> dy, out Vector256<float> dgate, out Vector256<float> dup)
    {
        Vector256<float> sigmoid = Sigmoid(gate);
        dup = dy * gate * sigmoid;
        dgate = dy * up * sigmoid * (Vector256<float>.One + (gate * (Vector256<float>.One - sigmoid)));
    }

    /// <summary>1 / (1 + e^-x); below -88, where it is less than any normal float, as at -88.</summary>
    private static Vector256<float> Sigmoid(Vector256<float> x) =>
        Vector256<float>.One / (Vector256<float>.One + VectorMath.Exp(Vector256.MinNative(Vector256.Create(88f), -x)));
}
