using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>The heads of an attention layer.</summary>
/// <param name="QueryHeads">The number of query heads.</param>
/// <param name="KeyHeads">The number of key and value heads; each serves a run of neighbouring query heads.</param>
/// <param name="HeadLength">The elements of a head.</param>
internal sealed record AttentionHeads(int QueryHeads, int KeyHeads, int HeadLength)
{
    /// <summary>The query heads that share a key head.</summary>
    public int Group => QueryHeads / KeyHeads;

    /// <summary>What scores are multiplied by.</summary>
    public float Scale => 1 / MathF.Sqrt(HeadLength);
}

/// <summary>
/// Causal attention with grouped queries, sequence by sequence: softmax(q kᵀ / sqrt(length)) v over the keys up to the query's own.
/// </summary>
/// <remarks>
/// Works on 16 queries of a head at a time, one to a lane, so a softmax needs no sums across lanes: scores are kept as keys by queries.
/// Only the logarithm of each softmax's sum is kept for the backward pass (Dao et al., "FlashAttention", 2022), which is in
/// <see cref="AttentionGradient"/>. Grouped queries: Ainslie et al. (2023).
/// </remarks>
internal static unsafe class Attention
{
    /// <summary>The queries that are worked on together.</summary>
    public const int Queries = MatrixTile.Columns;

    /// <summary>Computes the attended values of all heads, and the logarithm of every softmax's sum (rows by query heads).</summary>
    public static void Forward(
        Matrix q, Matrix k, Matrix v, Matrix output, Matrix logSums, ReadOnlyMemory<int> starts, AttentionHeads heads, Workers workers)
    {
        int sequences = starts.Length - 1;
        workers.ForEach(sequences * heads.QueryHeads, (item, part) =>
        {
            int sequence = item / heads.QueryHeads, head = item % heads.QueryHeads;
            int begin = starts.Span[sequence], end = starts.Span[sequence + 1];
            int keyOffset = head / heads.Group * heads.HeadLength;
            float* scratch = workers.Scratch(part, ScratchLength(end - begin, heads.HeadLength)).Data;
            for (int first = begin; first < end; first += Queries)
            {
                int count = Math.Min(Queries, end - first);
                float* keys = k.Data + ((long)begin * k.Columns) + keyOffset;
                float* values = v.Data + ((long)begin * v.Columns) + keyOffset;
                ForwardBlock(q, keys, values, k.Columns, output, logSums, heads, head, first, count, first - begin, scratch);
            }
        });
    }

    /// <summary>The floats a thread needs for a sequence of that length.</summary>
    private static long ScratchLength(int length, int headLength) => Queries * ((2L * headLength) + length + Queries);

    private static void ForwardBlock(
        Matrix q, float* keys, float* values, int keyRow, Matrix output, Matrix logSums,
        AttentionHeads heads, int head, int first, int count, int position, float* scratch)
    {
        int length = heads.HeadLength, keyCount = position + count;
        float* queries = scratch;
        float* result = queries + (length * Queries);
        float* scores = result + (length * Queries);
        Transpose(q, first, count, head * length, length, heads.Scale, queries);
        MatrixTile.Multiply(keyCount, length, keys, keyRow, 1, queries, Queries, scores, Queries, accumulate: false);
        Mask(scores, position, keyCount, float.NegativeInfinity);
        Softmax(scores, keyCount, out Vector256<float> max0, out Vector256<float> max1, out Vector256<float> sum0, out Vector256<float> sum1);
        MatrixTile.Multiply(length, keyCount, values, 1, keyRow, scores, Queries, result, Queries, accumulate: false);

        float* max = stackalloc float[Queries];
        float* sum = stackalloc float[Queries];
        max0.Store(max);
        max1.Store(max + 8);
        sum0.Store(sum);
        sum1.Store(sum + 8);
        for (int i = 0; i < count; i++)
        {
            logSums.Data[((long)(first + i) * logSums.Columns) + head] = max[i] + MathF.Log(sum[i]);
            float* target = output.Data + ((long)(first + i) * output.Columns) + (head * length);
            float inverse = 1 / sum[i];
            for (int d = 0; d < length; d++)
            {
                target[d] = result[(d * Queries) + i] * inverse;
            }
        }
    }

    /// <summary>Copies a head of some rows so that rows become lanes, times a factor; lanes without a row are zero.</summary>
    public static void Transpose(Matrix rows, int first, int count, int column, int length, float factor, float* target)
    {
        if (count < Queries)
        {
            new Span<float>(target, length * Queries).Clear();
        }

        for (int i = 0; i < count; i++)
        {
            float* source = rows.Data + ((long)(first + i) * rows.Columns) + column;
            for (int d = 0; d < length; d++)
            {
                target[(d * Queries) + i] = source[d] * factor;
            }
        }
    }

    /// <summary>Overwrites the scores of keys that come after their query: only among the last 16 keys there are any.</summary>
    public static void Mask(float* scores, int position, int keyCount, float value)
    {
        for (int key = position + 1; key < keyCount; key++)
        {
            new Span<float>(scores + (key * Queries), key - position).Fill(value);
        }
    }

    /// <summary>Replaces scores by e^(score - max) and gives each lane's max and sum.</summary>
    private static void Softmax(
        float* scores, int keyCount, out Vector256<float> max0, out Vector256<float> max1, out Vector256<float> sum0, out Vector256<float> sum1)
    {
        Vector256<float> m0 = Vector256.Load(scores), m1 = Vector256.Load(scores + 8);
        float* end = scores + ((long)keyCount * Queries);
        for (float* p = scores + Queries; p < end; p += Queries)
        {
            m0 = Vector256.MaxNative(m0, Vector256.Load(p));
            m1 = Vector256.MaxNative(m1, Vector256.Load(p + 8));
        }

        Vector256<float> s0 = default, s1 = default;
        for (float* p = scores; p < end; p += Queries)
        {
            Vector256<float> e0 = VectorMath.Exp(Vector256.Load(p) - m0), e1 = VectorMath.Exp(Vector256.Load(p + 8) - m1);
            e0.Store(p);
            e1.Store(p + 8);
            s0 += e0;
            s1 += e1;
        }

        (max0, max1, sum0, sum1) = (m0, m1, s0, s1);
    }
}
