using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>y = x * w / sqrt(mean(x²) + epsilon), row by row.</summary>
/// <remarks>Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).</remarks>
internal static unsafe class RmsNorm
{
    private const int Lanes = VectorMath.Lanes;

    /// <summary>
    /// The rows whose part of dw is summed by itself; the parts are then summed in order. So the sums do not depend on the number of
    /// threads.
    /// </summary>
    private const int RowBlock = 64;

    /// <summary>As below, on all threads; <paramref name="inverseRms"/> has a row of one element for each of x.</summary>
    public static void Forward(Matrix x, Matrix weight, float epsilon, Matrix y, Matrix inverseRms, Workers workers) =>
        workers.Split(x.Rows, RowBlock, (x, weight, epsilon, y, inverseRms), static (state, _, begin, end) => Forward(
            state.x.Slice(begin, end), state.weight, state.epsilon, state.y.Slice(begin, end), state.inverseRms.Column(begin, end)));

    /// <summary>As below, on all threads.</summary>
    public static void Backward(
        Matrix x, Matrix weight, Matrix inverseRms, Matrix outputGradient, Matrix inputGradient, Matrix weightGradient, Workers workers)
    {
        int blocks = (x.Rows + RowBlock - 1) / RowBlock;
        Matrix sums = workers.Shared((long)blocks * x.Columns).Matrix(blocks, x.Columns);
        sums.Clear();
        workers.ForEach(blocks, (x, weight, inverseRms, outputGradient, inputGradient, sums), static (state, _, block) =>
        {
            int begin = block * RowBlock, end = Math.Min(state.x.Rows, begin + RowBlock);
            Backward(
                state.x.Slice(begin, end), state.weight, state.inverseRms.Column(begin, end), state.outputGradient.Slice(begin, end),
                state.inputGradient.Slice(begin, end), state.sums.Slice(block, block + 1));
        });
        for (int block = 0; block < blocks; block++)
        {
            VectorMath.Add(sums.Row(block), weightGradient.Row(0));
        }
    }

    /// <summary>Computes y, and for the backward pass 1 / sqrt(mean(x²) + epsilon) of every row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(Matrix x, Matrix weight, float epsilon, Matrix y, Span<float> inverseRms)
    {
        ReadOnlySpan<float> w = weight.Row(0);
        for (int row = 0; row < x.Rows; row++)
        {
            ReadOnlySpan<float> input = x.Row(row);
            float inverse = 1 / MathF.Sqrt((VectorMath.Dot(input, input) / x.Columns) + epsilon);
            inverseRms[row] = inverse;
            Span<float> output = y.Row(row);
            int i = 0;
            fixed (float* px = input, pw = w, py = output)
            {
                for (; i <= x.Columns - Lanes; i += Lanes)
                {
                    (Vector256.Load(px + i) * inverse * Vector256.Load(pw + i)).Store(py + i);
                }
            }

            for (; i < x.Columns; i++)
            {
                output[i] = input[i] * inverse * w[i];
            }
        }
    }

    /// <summary>
    /// dx += inverse * (w dy - x * inverse² * mean(w dy x)), since x also goes around the norm by the residual connection; and
    /// dw += sum over rows of dy * x * inverse, rows in order.
    /// </summary>
    public static void Backward(
        Matrix x, Matrix weight, ReadOnlySpan<float> inverseRms, Matrix outputGradient, Matrix inputGradient, Matrix weightGradient)
    {
        for (int row = 0; row < x.Rows; row++)
        {
            fixed (float* px = x.Row(row), pw = weight.Row(0), pdy = outputGradient.Row(row))
            fixed (float* pdx = inputGradient.Row(row), pdw = weightGradient.Row(0))
            {
                BackwardRow(px, pw, inverseRms[row], pdy, pdx, pdw, x.Columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow(float* x, float* w, float inverse, float* dy, float* dx, float* dw, int columns)
    {
        Vector256<float> sums = default;
        int i = 0;
        for (; i <= columns - Lanes; i += Lanes)
        {
            Vector256<float> dyx = Vector256.Load(dy + i) * Vector256.Load(x + i);
            sums = Vector256.FusedMultiplyAdd(dyx, Vector256.Load(w + i), sums);
            Vector256.FusedMultiplyAdd(dyx, Vector256.Create(inverse), Vector256.Load(dw + i)).Store(dw + i);
        }

        float sum = Vector256.Sum(sums);
        for (; i < columns; i++)
        {
            sum += dy[i] * x[i] * w[i];
            dw[i] += dy[i] * x[i] * inverse;
        }

        float factor = inverse * inverse * sum / columns;
        for (i = 0; i <= columns - Lanes; i += Lanes)
        {
            Vector256<float> direct = Vector256.Load(w + i) * Vector256.Load(dy + i);
            Vector256<float> change = direct - (Vector256.Load(x + i) * factor);
            Vector256.FusedMultiplyAdd(change, Vector256.Create(inverse), Vector256.Load(dx + i)).Store(dx + i);
        }

        for (; i < columns; i++)
        {
            dx[i] += inverse * ((w[i] * dy[i]) - (x[i] * factor));
        }
    }
}
