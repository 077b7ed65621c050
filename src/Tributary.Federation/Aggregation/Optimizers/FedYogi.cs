using System.Numerics;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Aggregation.Optimizers;

/// <summary>
/// Yogi at the server (Reddi et al. 2020, algorithm 2): v = v - (1 - beta2) change² sign(v - change²), so that v comes down no faster than the
/// changes' squares let it, where Adam's forgets by a factor.
/// </summary>
internal sealed class FedYogi(JobServerOptimizer settings) : AdaptiveOptimizer(settings)
{
    private protected override void UpdateSecondMoment(Span<float> squares, Span<float> values)
    {
        int i = 0;
        var share = new Vector<float>(NewShare);
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var square = new Vector<float>(squares[i..]);
            var value = new Vector<float>(values[i..]);
            Vector<float> move = share * square;
            Vector<float> moved = Vector.ConditionalSelect(Vector.GreaterThan(value, square), value - move, value + move);
            Vector.ConditionalSelect(Vector.Equals(value, square), value, moved).CopyTo(values[i..]);
        }

        for (; i < values.Length; i++)
        {
            float move = NewShare * squares[i];
            values[i] += values[i] > squares[i] ? -move : values[i] < squares[i] ? move : 0;
        }
    }
}
