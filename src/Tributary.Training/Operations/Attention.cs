using System.Runtime.CompilerServices;
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

    /// <summary>The same where scores are exponents of 2 instead of e, which takes less to compute.</summary>
    public float Scale2 => VectorMath.Log2E / MathF.Sqrt(HeadLength);
}

/// <summary>
/// Causal attention with grouped queries, sequence by sequence: softmax(q kᵀ / sqrt(length)) v over the keys up to the query's own.
/// </summary>
/// <remarks>
/// Works on 16 queries of a head at a time, one to a lane, so a softmax needs no sums across lanes: scores are kept as keys by queries.
/// Only the binary logarithm of each softmax's sum is kept for the backward pass (Dao et al., "FlashAttention", 2022), which is in
/// <see cref="AttentionGradient"/>. Grouped queries: Ainslie et al. (2023).
/// </remarks>
internal static unsafe class Attention
{
    /// <summary>The queries that are worked on together.</summary>
    public const int Queries = MatrixTile.Columns;

    /// <summary>Computes the attended values of all heads, and the binary logarithm of every softmax's sum (rows by query heads).</summary>
    public static void Forward(
        Matrix q, Matrix k, Matrix v, Matrix output, Matrix logSums, ReadOnlyMemory<int> starts, AttentionHeads heads, Workers workers)
    {
        int sequences = starts.Length - 1;
        workers.ForEach(sequences * heads.QueryHeads, (item, part) =>
        {
            int sequence = item / heads.QueryHeads, head = item % heads.QueryHeads, length = heads.HeadLength;
            int begin = starts.Span[sequence], end = starts.Span[sequence + 1], count = end - begin;
            float* keys = workers.Scratch(part, ScratchLength(count, length)).Data;
            float* values = keys + ((long)count * length);
            k.Slice(begin, end).CopyColumns(head / heads.Group * length, length, keys, length);
            v.Slice(begin, end).CopyColumns(head / heads.Group * length, length, values, length);
            for (int position = 0; position < count; position += Queries)
            {
                ForwardBlock(
                    q.Slice(begin, end), keys, values, output.Slice(begin, end), logSums.Slice(begin, end), heads, head, position,
                    values + ((long)count * length));
            }
        });
    }

    /// <summary>The floats a thread needs for a sequence of that length.</summary>
    private static long ScratchLength(int count, int headLength) => (2L * count * headLength) + (Queries * ((2L * headLength) + count));

    /// <summary>The queries of one head from <paramref name="position"/> on, up to 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardBlock(
        Matrix q, float* keys, float* values, Matrix output, Matrix logSums, AttentionHeads heads, int head, int position, float* scratch)
    {
        int length = heads.HeadLength, count = Math.Min(Queries, q.Rows - position), keyCount = position + count;
        float* queries = scratch;
        float* result = queries + (length * Queries);
        float* scores = result + (length * Queries);
        Transpose(q, position, count, head * length, length, heads.Scale2, queries);
        MatrixTile.Multiply(keyCount, length, keys, length, 1, queries, Queries, scores, Queries, accumulate: false);
        Mask(scores, position, keyCount);
        Softmax(scores, keyCount, out Vector256<float> max0, out Vector256<float> max1, out Vector256<float> sum0, out Vector256<float> sum1);
        MatrixTile.Multiply(length, keyCount, values, 1, length, scores, Queries, result, Queries, accumulate: false);

        float* max = stackalloc float[Queries];
        float* sum = stackalloc float[Queries];
        max0.Store(max);
        max1.Store(max + 8);
        sum0.Store(sum);
        sum1.Store(sum + 8);
        for (int i = 0; i < count; i++)
        {
            logSums.Data[((long)(position + i) * logSums.Columns) + head] = max[i] + MathF.Log2(sum[i]);
            float* target = output.Data + ((long)(position + i) * output.Columns) + (head * length);
            float inverse = 1 / sum[i];
            for (int d = 0; d < length; d++)
            {
                target[d] = result[(d * Queries) + i] * inverse;
            }
        }
    }

    /// <summary>Copies a head of some rows so that rows become lanes, times a factor; lanes without a row are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    private static void Mask(float* scores, int position, int keyCount)
    {
        for (int key = position + 1; key < keyCount; key++)
        {
            new Span<float>(scores + (key * Queries), key - position).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>Replaces scores by 2^(score - max) and gives each lane's max and sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
            Vector256<float> e0 = VectorMath.Exp2(Vector256.Load(p) - m0), e1 = VectorMath.Exp2(Vector256.Load(p + 8) - m1);
            e0.Store(p);
            e1.Store(p + 8);
            s0 += e0;
            s1 += e1;
        }

        (max0, max1, sum0, sum1) = (m0, m1, s0, s1);
    }
}
