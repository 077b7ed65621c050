using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>The backward pass of <see cref="Attention"/>. Scores and softmax are computed again rather than kept.</summary>
/// <remarks>
/// With P the softmax, dP = dO vᵀ and delta = sum of dO O of a row: dS = P (dP - delta), dq = dS k, dk = dSᵀ q, dv = Pᵀ dO.
/// Works on a strip of keys at a time, one to a lane, and the queries that see them, in blocks that stay in the first-level cache: then
/// of the three sums over queries or keys only dq's goes across lanes.
/// </remarks>
internal static unsafe class AttentionGradient
{
    /// <summary>The queries whose scores are in memory together.</summary>
    private const int QueryBlock = 128;

    private const int Lanes = VectorMath.Lanes;

    private static int Keys => MatrixTile.Columns;

    /// <summary>Writes the gradients of q, k and v.</summary>
    public static void Backward(
        AttentionForward forward, Matrix outputGradient, Matrix dq, Matrix dk, Matrix dv,
        ReadOnlyMemory<int> starts, AttentionHeads heads, Workers workers)
    {
        int sequences = starts.Length - 1;
        workers.ForEach(sequences * heads.KeyHeads, (forward, outputGradient, dq, dk, dv, starts, heads, workers), static (state, part, item) =>
        {
            AttentionHeads heads = state.heads;
            int keyHead = item % heads.KeyHeads, column = keyHead * heads.HeadLength;
            int begin = state.starts.Span[item / heads.KeyHeads], end = state.starts.Span[(item / heads.KeyHeads) + 1];
            var memory = new HeadMemory(heads.HeadLength, end - begin, state.workers, part);
            memory.LoadKeys(state.forward.K.Slice(begin, end), state.forward.V.Slice(begin, end), column);
            for (int head = keyHead * heads.Group; head < (keyHead + 1) * heads.Group; head++)
            {
                BackwardHead(state.forward, state.outputGradient, state.dq, heads, head, begin, memory);
            }

            StoreLanes(memory.KeyGradient, heads.Scale, heads.HeadLength, state.dk.Slice(begin, end), column);
            StoreLanes(memory.ValueGradient, 1, heads.HeadLength, state.dv.Slice(begin, end), column);
        });
    }

    /// <summary>One query head: writes dq, adds to dk and dv.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardHead(
        AttentionForward forward, Matrix outputGradient, Matrix dq, AttentionHeads heads, int head, int begin, in HeadMemory memory)
    {
        int length = heads.HeadLength, column = head * length;
        forward.Q.Slice(begin, begin + memory.Count).CopyColumns(column, length, memory.Queries, length);
        outputGradient.Slice(begin, begin + memory.Count).CopyColumns(column, length, memory.OutputGradient, length);
        for (int i = 0; i < memory.Count; i++)
        {
            memory.LogSums[i] = forward.LogSums.Row(begin + i)[head];
            memory.Deltas[i] = VectorMath.Dot(
                outputGradient.Row(begin + i).Slice(column, length), forward.Output.Row(begin + i).Slice(column, length));
        }

        new Span<float>(memory.QueryGradient, memory.Count * memory.Width).Clear();
        for (int first = 0; first < memory.Count; first += Keys)
        {
            for (int row = first; row < memory.Count; row += QueryBlock)
            {
                BackwardBlock(first, row, Math.Min(QueryBlock, memory.Count - row), heads, memory);
            }
        }

        for (int i = 0; i < memory.Count; i++)
        {
            float* source = memory.QueryGradient + (i * memory.Width);
            float* target = dq.Data + ((long)(begin + i) * dq.Columns) + column;
            for (int d = 0; d < length; d++)
            {
                target[d] = source[d] * heads.Scale;
            }
        }
    }

    /// <summary>The keys from <paramref name="first"/> on, up to a strip, and some queries of those from there to the end.</summary>
    private static void BackwardBlock(int first, int query, int rows, AttentionHeads heads, in HeadMemory memory)
    {
        int length = heads.HeadLength, strip = Keys, count = Math.Min(strip, memory.Count - first);
        long lanes = (long)first * length;
        float* queries = memory.Queries + ((long)query * length);
        float* gradients = memory.OutputGradient + ((long)query * length);
        float* p = memory.Scores;
        float* ds = memory.ScoreGradient;

        MatrixTile.Multiply(rows, length, queries, length, 1, memory.KeyLanes + lanes, strip, p, strip, accumulate: false);
        MatrixTile.Multiply(rows, length, gradients, length, 1, memory.ValueLanes + lanes, strip, ds, strip, accumulate: false);
        for (int row = query; row < Math.Min(query + rows, first + count); row++)
        {
            int known = row - first + 1; // keys after the query
            new Span<float>(p + ((row - query) * strip) + known, strip - known).Fill(float.NegativeInfinity);
        }

        ScoreGradients(p, ds, rows, heads.Scale2, memory.LogSums + query, memory.Deltas + query);
        MatrixTile.Multiply(length, rows, queries, 1, length, ds, strip, memory.KeyGradient + lanes, strip, accumulate: true);
        MatrixTile.Multiply(length, rows, gradients, 1, length, p, strip, memory.ValueGradient + lanes, strip, accumulate: true);
        for (int panel = 0; panel < memory.Width; panel += strip)
        {
            MatrixTile.Multiply(
                rows, count, ds, strip, 1, memory.KeyRows + ((long)first * memory.Width) + panel, memory.Width,
                memory.QueryGradient + ((long)query * memory.Width) + panel, memory.Width, accumulate: true);
        }
    }

    /// <summary>Products of queries and keys become P, dP becomes dS; a row of keys to each query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreGradients(float* scores, float* gradients, int rows, float scale, float* logSums, float* deltas)
    {
        var scales = Vector256.Create(scale);
        for (int row = 0; row < rows; row++)
        {
            Vector256<float> logSum = Vector256.Create(-logSums[row]), delta = Vector256.Create(deltas[row]);
            for (int lane = 0; lane < Keys; lane += Lanes, scores += Lanes, gradients += Lanes)
            {
                Vector256<float> p = VectorMath.Exp2(Vector256.FusedMultiplyAdd(Vector256.Load(scores), scales, logSum));
                p.Store(scores);
                (p * (Vector256.Load(gradients) - delta)).Store(gradients);
            }
        }
    }

    /// <summary>Writes gradients that are kept as blocks of lanes to a head's columns.</summary>
    private static void StoreLanes(float* lanes, float factor, int length, Matrix target, int column)
    {
        for (int first = 0; first < target.Rows; first += Keys)
        {
            float* block = lanes + ((long)first * length);
            if (factor != 1)
            {
                VectorMath.Scale(new Span<float>(block, length * Keys), factor);
            }

            float* rows = target.Data + ((long)first * target.Columns) + column;
            StripPacking.Transpose(block, Keys, length, Math.Min(Keys, target.Rows - first), rows, target.Columns);
        }
    }

    /// <summary>A thread's memory for one sequence and key head.</summary>
    private readonly struct HeadMemory
    {
        private readonly int _length;

        public HeadMemory(int length, int count, Workers workers, int part)
        {
            _length = length;
            Count = count;
            Width = (length + Keys - 1) / Keys * Keys;
            long padded = (count + Keys - 1) / Keys * Keys, lanes = padded * length, rows = padded * Width, scores = QueryBlock * Keys;
            LogSums = workers.Scratch(part, (2 * padded) + (6 * lanes) + (2 * rows) + (2 * scores)).Data;
            Deltas = LogSums + padded;
            KeyLanes = Deltas + padded;
            ValueLanes = KeyLanes + lanes;
            KeyGradient = ValueLanes + lanes;
            ValueGradient = KeyGradient + lanes;
            Queries = ValueGradient + lanes;
            OutputGradient = Queries + lanes;
            KeyRows = OutputGradient + lanes;
            QueryGradient = KeyRows + rows;
            Scores = QueryGradient + rows;
            ScoreGradient = Scores + scores;
            new Span<float>(KeyGradient, checked((int)(2 * lanes))).Clear();
            new Span<float>(KeyRows, checked((int)rows)).Clear();
        }

        /// <summary>The sequence's positions.</summary>
        public int Count { get; }

        /// <summary>The head's length rounded up to whole strips; what is beyond the length counts for nothing.</summary>
        public int Width { get; }

        public float* LogSums { get; }

        public float* Deltas { get; }

        /// <summary>Keys in strips, each with keys as lanes.</summary>
        public float* KeyLanes { get; }

        public float* ValueLanes { get; }

        public float* KeyGradient { get; }

        public float* ValueGradient { get; }

        /// <summary>One head's queries, close together.</summary>
        public float* Queries { get; }

        /// <summary>The gradients of one head's output, close together.</summary>
        public float* OutputGradient { get; }

        /// <summary>Keys as rows, filled up with zeros to whole strips.</summary>
        public float* KeyRows { get; }

        public float* QueryGradient { get; }

        public float* Scores { get; }

        public float* ScoreGradient { get; }

        public void LoadKeys(Matrix k, Matrix v, int column)
        {
            for (int first = 0; first < Count; first += Keys)
            {
                int count = Math.Min(Keys, Count - first);
                Attention.Transpose(k, first, count, column, _length, 1, KeyLanes + ((long)first * _length));
                Attention.Transpose(v, first, count, column, _length, 1, ValueLanes + ((long)first * _length));
            }

            k.CopyColumns(column, _length, KeyRows, Width);
        }
    }
}

/// <summary>What the forward pass of attention leaves for the backward pass.</summary>
internal readonly record struct AttentionForward(Matrix Q, Matrix K, Matrix V, Matrix Output, Matrix LogSums);
