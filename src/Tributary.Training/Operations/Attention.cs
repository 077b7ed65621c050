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
/// Works on a strip of queries of a head at a time, one to a lane, so a softmax needs no sums across lanes: scores are kept as keys by
/// queries, and only those of <see cref="KeyBlock"/> keys at a time; from one block to the next a lane's greatest score may grow, and
/// what was summed up before is scaled down then (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
/// Only the binary logarithm of each softmax's sum is kept for the backward pass (Dao et al., "FlashAttention", 2022), which is in
/// <see cref="AttentionGradient"/>. Grouped queries: Ainslie et al. (2023).
/// </remarks>
internal static unsafe class Attention
{
    /// <summary>The keys whose scores are in memory together: with a strip of queries they fit the first-level cache.</summary>
    private const int KeyBlock = 128;

    private const int Lanes = VectorMath.Lanes;

    /// <summary>The queries that are worked on together.</summary>
    public static int Queries => MatrixTile.Columns;

    /// <summary>Computes the attended values of all heads, and the binary logarithm of every softmax's sum (rows by query heads).</summary>
    public static void Forward(
        Matrix q, Matrix k, Matrix v, Matrix output, Matrix logSums, ReadOnlyMemory<int> starts, AttentionHeads heads, Workers workers)
    {
        int sequences = starts.Length - 1;
        workers.ForEach(sequences * heads.QueryHeads, (q, k, v, output, logSums, starts, heads, workers), static (state, part, item) =>
        {
            AttentionHeads heads = state.heads;
            int sequence = item / heads.QueryHeads, head = item % heads.QueryHeads;
            int begin = state.starts.Span[sequence], end = state.starts.Span[sequence + 1];
            var memory = new HeadMemory(heads.HeadLength, end - begin, state.workers, part);
            int column = head / heads.Group * heads.HeadLength;
            state.k.Slice(begin, end).CopyColumns(column, heads.HeadLength, memory.Keys, heads.HeadLength);
            state.v.Slice(begin, end).CopyColumns(column, heads.HeadLength, memory.Values, heads.HeadLength);
            for (int position = 0; position < end - begin; position += Queries)
            {
                ForwardStrip(
                    state.q.Slice(begin, end), state.output.Slice(begin, end), state.logSums.Slice(begin, end), heads, head, position, memory);
            }
        });
    }

    /// <summary>Copies a head of some rows so that rows become lanes, times a factor; lanes without a row are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(Matrix rows, int first, int count, int column, int length, float factor, float* target)
    {
        if (count < Queries)
        {
            new Span<float>(target, length * Queries).Clear();
        }

        StripPacking.Transpose(rows.Data + ((long)first * rows.Columns) + column, rows.Columns, count, length, target, Queries);
        if (factor != 1)
        {
            VectorMath.Scale(new Span<float>(target, length * Queries), factor);
        }
    }

    /// <summary>The queries of one head from <paramref name="position"/> on, up to a strip.</summary>
    private static void ForwardStrip(Matrix q, Matrix output, Matrix logSums, AttentionHeads heads, int head, int position, in HeadMemory memory)
    {
        int length = heads.HeadLength, strip = Queries, count = Math.Min(strip, q.Rows - position), keyCount = position + count;
        Transpose(q, position, count, head * length, length, heads.Scale2, memory.Queries);
        new Span<float>(memory.Max, strip).Fill(float.NegativeInfinity);
        new Span<float>(memory.Sum, strip).Clear();
        for (int first = 0; first < keyCount; first += KeyBlock)
        {
            int keys = Math.Min(KeyBlock, keyCount - first);
            float* values = memory.Values + ((long)first * length);
            MatrixTile.Multiply(
                keys, length, memory.Keys + ((long)first * length), length, 1, memory.Queries, strip, memory.Scores, strip, accumulate: false);
            Mask(memory.Scores, position, first, keys);
            Softmax(memory.Scores, keys, memory.Max, memory.Sum, memory.Result, first == 0 ? 0 : length);
            MatrixTile.Multiply(length, keys, values, 1, length, memory.Scores, strip, memory.Result, strip, accumulate: first > 0);
        }

        for (int lane = 0; lane < count; lane++)
        {
            logSums.Data[((long)(position + lane) * logSums.Columns) + head] = memory.Max[lane] + MathF.Log2(memory.Sum[lane]);
            memory.Sum[lane] = 1 / memory.Sum[lane];
        }

        float* target = output.Data + ((long)position * output.Columns) + (head * length);
        ScaleLanes(memory.Result, length, memory.Sum);
        StripPacking.Transpose(memory.Result, strip, length, count, target, output.Columns);
    }

    /// <summary>Overwrites the scores of keys that come after their query: only among the last keys there are any.</summary>
    private static void Mask(float* scores, int position, int first, int keys)
    {
        for (int key = Math.Max(first, position + 1); key < first + keys; key++)
        {
            new Span<float>(scores + ((long)(key - first) * Queries), key - position).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>
    /// Replaces scores by 2^(score - max), eight lanes at a time, and brings each lane's max and sum and what was summed up of the
    /// values so far (<paramref name="resultRows"/> rows) up to date.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax(float* scores, int keys, float* max, float* sum, float* result, int resultRows)
    {
        int strip = Queries;
        for (int lane = 0; lane < strip; lane += Lanes)
        {
            float* end = scores + ((long)keys * strip) + lane;
            Vector256<float> before = Vector256.Load(max + lane), m0 = before, m1 = before;
            float* p = scores + lane;
            for (; p < end - strip; p += 2 * strip)
            {
                m0 = Vector256.MaxNative(m0, Vector256.Load(p));
                m1 = Vector256.MaxNative(m1, Vector256.Load(p + strip));
            }

            Vector256<float> m = Vector256.MaxNative(m0, m1);
            m = p < end ? Vector256.MaxNative(m, Vector256.Load(p)) : m;
            Vector256<float> s = default;
            for (p = scores + lane; p < end; p += strip)
            {
                Vector256<float> e = VectorMath.Exp2(Vector256.Load(p) - m);
                e.Store(p);
                s += e;
            }

            Vector256<float> factor = VectorMath.Exp2(before - m);
            Vector256.FusedMultiplyAdd(Vector256.Load(sum + lane), factor, s).Store(sum + lane);
            m.Store(max + lane);
            for (int row = 0; row < resultRows; row++)
            {
                float* r = result + (row * strip) + lane;
                (Vector256.Load(r) * factor).Store(r);
            }
        }
    }

    /// <summary>Multiplies each lane of all rows by its factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaleLanes(float* rows, int count, float* factors)
    {
        for (int lane = 0; lane < Queries; lane += Lanes)
        {
            Vector256<float> factor = Vector256.Load(factors + lane);
            for (int row = 0; row < count; row++)
            {
                float* r = rows + (row * Queries) + lane;
                (Vector256.Load(r) * factor).Store(r);
            }
        }
    }

    /// <summary>A thread's memory for one sequence and head.</summary>
    private readonly struct HeadMemory
    {
        public HeadMemory(int length, int count, Workers workers, int part)
        {
            long lanes = (long)length * Attention.Queries;
            Max = workers.Scratch(part, (2 * Attention.Queries) + (2 * lanes) + (KeyBlock * Attention.Queries) + (2L * count * length)).Data;
            Sum = Max + Attention.Queries;
            Queries = Sum + Attention.Queries;
            Result = Queries + lanes;
            Scores = Result + lanes;
            Keys = Scores + (KeyBlock * Attention.Queries);
            Values = Keys + ((long)count * length);
        }

        /// <summary>Each lane's greatest score so far.</summary>
        public float* Max { get; }

        /// <summary>Each lane's sum of 2^(score - max) so far.</summary>
        public float* Sum { get; }

        /// <summary>A strip of queries, one to a lane.</summary>
        public float* Queries { get; }

        /// <summary>The sums of weighted values so far, one query to a lane.</summary>
        public float* Result { get; }

        /// <summary>A block of keys by a strip of queries.</summary>
        public float* Scores { get; }

        /// <summary>The head's keys, close together.</summary>
        public float* Keys { get; }

        /// <summary>The head's values, close together.</summary>
        public float* Values { get; }
    }
}
