using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

public sealed class AttentionTests
{
    [Theory]
    [InlineData(4, 2, 8, new[] { 0, 3, 20, 21 }, 1)]
    [InlineData(2, 2, 6, new[] { 0, 17 }, 1)]
    [InlineData(3, 1, 18, new[] { 0, 2, 9 }, 2)]
    public void Grouped_causal_attention_and_its_gradients_are_right_for_ragged_sequences(
        int queryHeads, int keyHeads, int length, int[] starts, int threads)
    {
        var heads = new AttentionHeads(queryHeads, keyHeads, length);
        int rows = starts[^1], queries = queryHeads * length, keys = keyHeads * length;
        using FloatBuffer q = Numbers.Random(rows * queries, 1), k = Numbers.Random(rows * keys, 2), v = Numbers.Random(rows * keys, 3);
        using FloatBuffer dy = Numbers.Random(rows * queries, 4), y = new(rows * queries), logSums = new(rows * queryHeads);
        using FloatBuffer dq = new(rows * queries), dk = new(rows * keys), dv = new(rows * keys);
        using var workers = new Workers(threads);
        Matrix Queries(FloatBuffer buffer) => buffer.Matrix(rows, queries);
        Matrix Keys(FloatBuffer buffer) => buffer.Matrix(rows, keys);
        Matrix sums = logSums.Matrix(rows, queryHeads);
        Attention.Forward(Queries(q), Keys(k), Keys(v), Queries(y), sums, starts, heads, workers);
        var kept = new AttentionForward(Queries(q), Keys(k), Keys(v), Queries(y), sums);
        AttentionGradient.Backward(kept, Queries(dy), Queries(dq), Keys(dk), Keys(dv), starts, heads, workers);

        double[] a = q.Doubles(), b = k.Doubles(), c = v.Doubles(), weights = dy.Doubles();
        y.ShouldBeNear(Reference(a, b, c, starts, heads), 2e-5, "y");
        dq.ShouldBeNear(Numbers.Derivative(x => Reference(x, b, c, starts, heads), [.. a], weights), 5e-5, "dq");
        dk.ShouldBeNear(Numbers.Derivative(x => Reference(a, x, c, starts, heads), [.. b], weights), 5e-5, "dk");
        dv.ShouldBeNear(Numbers.Derivative(x => Reference(a, b, x, starts, heads), [.. c], weights), 5e-5, "dv");
    }

    private static double[] Reference(double[] q, double[] k, double[] v, int[] starts, AttentionHeads heads)
    {
        int length = heads.HeadLength, queries = heads.QueryHeads * length, keys = heads.KeyHeads * length;
        var output = new double[q.Length];
        for (int sequence = 0; sequence + 1 < starts.Length; sequence++)
        {
            for (int i = starts[sequence]; i < starts[sequence + 1]; i++)
            {
                for (int head = 0; head < heads.QueryHeads; head++)
                {
                    int column = head / heads.Group * length, first = starts[sequence];
                    double[] weights = [.. Enumerable.Range(first, i - first + 1).Select(j => Math.Exp(Enumerable.Range(0, length)
                        .Sum(d => q[(i * queries) + (head * length) + d] * k[(j * keys) + column + d]) / Math.Sqrt(length)))];
                    for (int d = 0; d < length; d++)
                    {
                        output[(i * queries) + (head * length) + d] =
                            weights.Select((weight, j) => weight * v[((first + j) * keys) + column + d]).Sum() / weights.Sum();
                    }
                }
            }
        }

        return output;
    }
}
