using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>-ln softmax(logits)[target] of every row, in nats.</summary>
internal static class CrossEntropy
{
    /// <summary>Writes each row's loss.</summary>
    public static void Forward(Matrix logits, ReadOnlySpan<int> targets, Span<float> losses)
    {
        for (int row = 0; row < logits.Rows; row++)
        {
            Span<float> values = logits.Row(row);
            float target = values[targets[row]];
            float max = VectorMath.Max(values);
            losses[row] = MathF.Log(VectorMath.ExpInPlace(values, max)) - (target - max);
        }
    }

    /// <summary>
    /// Writes each row's loss, and replaces the logits by their gradient: (softmax - one at the target) * <paramref name="scale"/>.
    /// </summary>
    public static void ForwardBackward(Matrix logits, ReadOnlySpan<int> targets, float scale, Span<float> losses)
    {
        for (int row = 0; row < logits.Rows; row++)
        {
            Span<float> values = logits.Row(row);
            float target = values[targets[row]];
            float max = VectorMath.Max(values);
            float sum = VectorMath.ExpInPlace(values, max);
            losses[row] = MathF.Log(sum) - (target - max);
            VectorMath.Scale(values, scale / sum);
            values[targets[row]] -= scale;
        }
    }
}
