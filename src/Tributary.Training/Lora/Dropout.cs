using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training;

/// <summary>
/// Leaves out elements at random and scales the others up, so that their sum stays what it is in the mean. Whether an element stays depends on
/// the draw, its row and its column alone: the way back leaves out the same ones, and so does any number of threads.
/// </summary>
/// <param name="Draw">What numbers the draws: one for every step, batch and layer.</param>
/// <param name="Share">The share that is left out, at least 0 and below 1.</param>
internal readonly record struct Dropout(ulong Draw, double Share)
{
    private const int RowGrain = 16;

    /// <summary>y = x, thinned out.</summary>
    public void Apply(Matrix x, Matrix y, Workers workers)
    {
        y.Clear();
        AddTo(x, y, workers);
    }

    /// <summary>y += x, thinned out.</summary>
    public void AddTo(Matrix x, Matrix y, Workers workers)
    {
        (ulong draw, double share) = this;
        uint threshold = (uint)(share * (1L << 32));
        float scale = (float)(1 / (1 - share));
        workers.Split(x.Rows, RowGrain, (x, y, draw, threshold, scale), static (state, _, begin, end) =>
        {
            for (int row = begin; row < end; row++)
            {
                AddRow(state.x.Row(row), state.y.Row(row), SplitMix64.Mix(state.draw + (ulong)row), state.threshold, state.scale);
            }
        });
    }

    /// <summary>Each draw of 64 bits decides about two elements.</summary>
    private static void AddRow(Span<float> x, Span<float> y, ulong state, uint threshold, float scale)
    {
        for (int i = 0; i < x.Length; i += 2)
        {
            ulong bits = SplitMix64.Mix(state + ((ulong)i / 2));
            y[i] += (uint)(bits >> 32) >= threshold ? x[i] * scale : 0;
            if (i + 1 < x.Length)
            {
                y[i + 1] += (uint)bits >= threshold ? x[i + 1] * scale : 0;
            }
        }
    }
}
