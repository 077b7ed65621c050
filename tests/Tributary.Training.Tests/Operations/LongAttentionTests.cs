using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

/// <summary>
/// Sequences of several blocks of queries and keys, where sums are taken block by block, beside plain loops in double precision that
/// hold all scores.
/// </summary>
public sealed class LongAttentionTests
{
    [Theory]
    [InlineData(2, 1, 6, new[] { 0, 300, 301, 461 }, 1)]
    [InlineData(2, 2, 48, new[] { 0, 128, 417 }, 1)]
    [InlineData(2, 2, 8, new[] { 0, 300 }, 60)]
    public void Attention_over_several_blocks_and_its_gradients_are_right(int queryHeads, int keyHeads, int length, int[] starts, float spread)
    {
        var heads = new AttentionHeads(queryHeads, keyHeads, length);
        var inputs = new Inputs(heads, starts, spread);
        (float[][] actual, _) = Compute(heads, inputs, threads: 2);
        double[][] expected = Reference(heads, inputs);
        string[] names = ["y", "dq", "dk", "dv"];
        for (int i = 0; i < names.Length; i++)
        {
            double scale = expected[i].Max(Math.Abs);
            for (int j = 0; j < expected[i].Length; j++)
            {
                ((double)actual[i][j]).ShouldBe(expected[i][j], 2e-5 * scale, $"{names[i]}[{j}]");
            }
        }
    }

    [Fact]
    public void The_number_of_threads_does_not_change_a_byte()
    {
        var heads = new AttentionHeads(4, 2, 16);
        var inputs = new Inputs(heads, [0, 200, 350], 1);
        float[][] one = Compute(heads, inputs, threads: 1).Results;
        Compute(heads, inputs, threads: 2).Results.ShouldBe(one);
        Compute(heads, inputs, threads: 5).Results.ShouldBe(one);
    }

    [Fact]
    public void A_sequence_four_times_as_long_takes_four_times_the_memory_not_sixteen_times()
    {
        var heads = new AttentionHeads(1, 1, 16);
        long Memory(int rows) => Compute(heads, new Inputs(heads, [0, rows], 1), threads: 1).ScratchLength;
        Memory(4096).ShouldBeLessThan(5 * Memory(1024));
    }

    private static (float[][] Results, long ScratchLength) Compute(AttentionHeads heads, Inputs inputs, int threads)
    {
        int rows = inputs.Starts[^1], queries = heads.QueryHeads * heads.HeadLength, keys = heads.KeyHeads * heads.HeadLength;
        using FloatBuffer q = Copy(inputs.Q), k = Copy(inputs.K), v = Copy(inputs.V), dy = Copy(inputs.OutputGradient);
        using FloatBuffer y = new(rows * queries), sums = new(rows * heads.QueryHeads), dq = new(rows * queries), dk = new(rows * keys), dv = new(rows * keys);
        using var workers = new Workers(threads);
        var kept = new AttentionForward(
            q.Matrix(rows, queries), k.Matrix(rows, keys), v.Matrix(rows, keys), y.Matrix(rows, queries), sums.Matrix(rows, heads.QueryHeads));
        Attention.Forward(kept.Q, kept.K, kept.V, kept.Output, kept.LogSums, inputs.Starts, heads, workers);
        AttentionGradient.Backward(
            kept, dy.Matrix(rows, queries), dq.Matrix(rows, queries), dk.Matrix(rows, keys), dv.Matrix(rows, keys), inputs.Starts, heads, workers);
        return ([.. new[] { y, dq, dk, dv }.Select(buffer => buffer.Span(0, (int)buffer.Length).ToArray())], workers.Scratch(0, 0).Length);
    }

    /// <summary>Output, dq, dk and dv: P = softmax(S), dv = Pᵀ dO, dS = P (dO vᵀ - sum of dO O), dq = dS k, dk = dSᵀ q.</summary>
    private static double[][] Reference(AttentionHeads heads, Inputs inputs)
    {
        int length = heads.HeadLength, queries = heads.QueryHeads * length, keys = heads.KeyHeads * length;
        double scale = 1 / Math.Sqrt(length);
        double[] y = new double[inputs.Q.Length], dq = new double[inputs.Q.Length], dk = new double[inputs.K.Length], dv = new double[inputs.V.Length];
        for (int sequence = 0; sequence + 1 < inputs.Starts.Length; sequence++)
        {
            int first = inputs.Starts[sequence];
            for (int i = first; i < inputs.Starts[sequence + 1]; i++)
            {
                for (int head = 0; head < heads.QueryHeads; head++)
                {
                    int own = (i * queries) + (head * length), column = head / heads.Group * length;
                    double Dot(float[] a, float[] b, int key) =>
                        Enumerable.Range(0, length).Sum(d => (double)a[own + d] * b[(key * keys) + column + d]);
                    double[] scores = [.. Enumerable.Range(first, i - first + 1).Select(key => Dot(inputs.Q, inputs.K, key) * scale)];
                    double max = scores.Max(), sum = scores.Sum(score => Math.Exp(score - max));
                    double[] p = [.. scores.Select(score => Math.Exp(score - max) / sum)];
                    double[] dp = [.. p.Select((_, j) => Dot(inputs.OutputGradient, inputs.V, first + j))];
                    double delta = p.Zip(dp, (a, b) => a * b).Sum();
                    for (int j = 0; j < p.Length; j++)
                    {
                        double ds = p[j] * (dp[j] - delta) * scale;
                        for (int d = 0; d < length; d++)
                        {
                            int at = ((first + j) * keys) + column + d;
                            y[own + d] += p[j] * inputs.V[at];
                            dq[own + d] += ds * inputs.K[at];
                            dk[at] += ds * inputs.Q[own + d];
                            dv[at] += p[j] * inputs.OutputGradient[own + d];
                        }
                    }
                }
            }
        }

        return [y, dq, dk, dv];
    }

    private static FloatBuffer Copy(float[] values)
    {
        var buffer = new FloatBuffer(values.Length);
        values.CopyTo(buffer.Span(0, values.Length));
        return buffer;
    }

    /// <summary>Random inputs; with a large spread a softmax is nearly one-hot, and its greatest score comes late in the sequence.</summary>
    private sealed class Inputs
    {
        public Inputs(AttentionHeads heads, int[] starts, float spread)
        {
            Starts = starts;
            int rows = starts[^1], queries = heads.QueryHeads * heads.HeadLength, keys = heads.KeyHeads * heads.HeadLength;
            (Q, K, V, OutputGradient) = (Values(rows * queries, 1), Values(rows * keys, 2), Values(rows * keys, 3), Values(rows * queries, 4));
            for (int i = 0; i < K.Length; i++)
            {
                K[i] *= 1 + ((spread - 1) * i / K.Length);
            }
        }

        public int[] Starts { get; }

        public float[] Q { get; }

        public float[] K { get; }

        public float[] V { get; }

        public float[] OutputGradient { get; }

        private static float[] Values(int length, ulong seed)
        {
            using FloatBuffer buffer = Numbers.Random(length, seed);
            return buffer.Span(0, length).ToArray();
        }
    }
}
