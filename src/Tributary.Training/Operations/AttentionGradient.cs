using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>The backward pass of <see cref="Attention"/>. Scores and softmax are computed again rather than kept.</summary>
/// <remarks>
/// With P the softmax, dP = dO vᵀ and delta = sum of dO O of a row: dS = P (dP - delta), dq = dS k, dk = dSᵀ q, dv = Pᵀ dO.
/// </remarks>
internal static unsafe class AttentionGradient
{
    private const int Queries = Attention.Queries;

    /// <summary>Writes the gradients of q, k and v.</summary>
    public static void Backward(
        in AttentionForward forward, Matrix outputGradient, Matrix dq, Matrix dk, Matrix dv,
        ReadOnlyMemory<int> starts, AttentionHeads heads, Workers workers)
    {
        AttentionForward kept = forward;
        int sequences = starts.Length - 1;
        workers.ForEach(sequences * heads.KeyHeads, (item, part) =>
        {
            int sequence = item / heads.KeyHeads, keyHead = item % heads.KeyHeads;
            int begin = starts.Span[sequence], end = starts.Span[sequence + 1];
            var block = new Block(heads.HeadLength, end - begin, workers, part);
            new Span<float>(block.KeyGradient, 2 * (end - begin) * block.Width).Clear();
            for (int head = keyHead * heads.Group; head < (keyHead + 1) * heads.Group; head++)
            {
                for (int first = begin; first < end; first += Queries)
                {
                    BackwardBlock(kept, outputGradient, dq, heads, head, begin, first, Math.Min(Queries, end - first), block);
                }
            }

            int column = keyHead * heads.HeadLength;
            for (int i = 0; i < end - begin; i++)
            {
                new Span<float>(block.KeyGradient + (i * block.Width), heads.HeadLength).CopyTo(dk.Row(begin + i)[column..]);
                new Span<float>(block.ValueGradient + (i * block.Width), heads.HeadLength).CopyTo(dv.Row(begin + i)[column..]);
            }
        });
    }

    private static void BackwardBlock(
        in AttentionForward forward, Matrix outputGradient, Matrix dq, AttentionHeads heads, int head, int begin, int first, int count,
        in Block block)
    {
        int length = heads.HeadLength, column = head * length, keyRow = forward.K.Columns;
        int position = first - begin, keyCount = position + count;
        float* keys = forward.K.Data + ((long)begin * keyRow) + (head / heads.Group * length);
        float* values = forward.V.Data + ((long)begin * keyRow) + (head / heads.Group * length);

        Attention.Transpose(forward.Q, first, count, column, length, heads.Scale, block.QueryLanes);
        Attention.Transpose(outputGradient, first, count, column, length, 1, block.OutputLanes);
        CopyRows(forward.Q, first, count, column, length, heads.Scale, block.QueryRows, block.Width);
        CopyRows(outputGradient, first, count, column, length, 1, block.OutputRows, block.Width);
        float* delta = stackalloc float[Queries];
        float* logSum = stackalloc float[Queries];
        for (int i = 0; i < Queries; i++)
        {
            bool used = i < count;
            logSum[i] = used ? forward.LogSums.Row(first + i)[head] : 0;
            delta[i] = used
                ? VectorMath.Dot(outputGradient.Row(first + i).Slice(column, length), forward.Output.Row(first + i).Slice(column, length))
                : 0;
        }

        MatrixTile.Multiply(keyCount, length, keys, keyRow, 1, block.QueryLanes, Queries, block.Scores, Queries, false);
        Attention.Mask(block.Scores, position, keyCount, float.NegativeInfinity);
        MatrixTile.Multiply(keyCount, length, values, keyRow, 1, block.OutputLanes, Queries, block.ScoreGradient, Queries, false);
        ScoreGradients(block.Scores, block.ScoreGradient, keyCount, logSum, delta);

        for (int panel = 0; panel < block.Width; panel += MatrixTile.Columns)
        {
            MatrixTile.Multiply(
                keyCount, count, block.Scores, Queries, 1, block.OutputRows + panel, block.Width, block.ValueGradient + panel, block.Width, true);
            MatrixTile.Multiply(
                keyCount, count, block.ScoreGradient, Queries, 1, block.QueryRows + panel, block.Width, block.KeyGradient + panel, block.Width, true);
        }

        MatrixTile.Multiply(length, keyCount, keys, 1, keyRow, block.ScoreGradient, Queries, block.QueryLanes, Queries, false);
        for (int i = 0; i < count; i++)
        {
            Span<float> target = dq.Row(first + i).Slice(column, length);
            for (int d = 0; d < length; d++)
            {
                target[d] = block.QueryLanes[(d * Queries) + i] * heads.Scale;
            }
        }
    }

    /// <summary>Scores become P, dP becomes dS, sixteen queries to a row.</summary>
    private static void ScoreGradients(float* scores, float* gradients, int keyCount, float* logSum, float* delta)
    {
        Vector256<float> l0 = Vector256.Load(logSum), l1 = Vector256.Load(logSum + 8);
        Vector256<float> d0 = Vector256.Load(delta), d1 = Vector256.Load(delta + 8);
        for (int key = 0; key < keyCount; key++, scores += Queries, gradients += Queries)
        {
            Vector256<float> p0 = VectorMath.Exp(Vector256.Load(scores) - l0), p1 = VectorMath.Exp(Vector256.Load(scores + 8) - l1);
            p0.Store(scores);
            p1.Store(scores + 8);
            (p0 * (Vector256.Load(gradients) - d0)).Store(gradients);
            (p1 * (Vector256.Load(gradients + 8) - d1)).Store(gradients + 8);
        }
    }

    private static void CopyRows(Matrix rows, int first, int count, int column, int length, float factor, float* target, int width)
    {
        for (int i = 0; i < count; i++)
        {
            float* source = rows.Data + ((long)(first + i) * rows.Columns) + column;
            for (int d = 0; d < length; d++)
            {
                target[(i * width) + d] = source[d] * factor;
            }
        }
    }

    /// <summary>A thread's memory for one sequence and key head.</summary>
    private readonly struct Block
    {
        public Block(int length, int keys, Workers workers, int part)
        {
            Width = (length + MatrixTile.Columns - 1) / MatrixTile.Columns * MatrixTile.Columns;
            long lanes = (long)length * Queries, rows = (long)Width * Queries, scores = (long)keys * Queries, sums = (long)keys * Width;
            QueryLanes = workers.Scratch(part, 2 * (lanes + rows + scores + sums)).Data;
            OutputLanes = QueryLanes + lanes;
            QueryRows = OutputLanes + lanes;
            OutputRows = QueryRows + rows;
            Scores = OutputRows + rows;
            ScoreGradient = Scores + scores;
            KeyGradient = ScoreGradient + scores;
            ValueGradient = KeyGradient + sums;
            new Span<float>(QueryRows, checked((int)(2 * rows))).Clear();
        }

        /// <summary>The head's length rounded up to whole strips; what is beyond the length is zero.</summary>
        public int Width { get; }

        public float* QueryLanes { get; }

        public float* OutputLanes { get; }

        public float* QueryRows { get; }

        public float* OutputRows { get; }

        public float* Scores { get; }

        public float* ScoreGradient { get; }

        public float* KeyGradient { get; }

        public float* ValueGradient { get; }
    }
}

/// <summary>What the forward pass of attention leaves for the backward pass.</summary>
internal readonly record struct AttentionForward(Matrix Q, Matrix K, Matrix V, Matrix Output, Matrix LogSums);
