using System.Text;

namespace Tributary.Training.Tests;

/// <summary>The numbers of Fixtures/make_steps.py, or what a test puts in their place. Good enough for tests, and for nothing private.</summary>
internal sealed class NumberedRandomness : PrivateRandomness
{
    public ulong Seed { get; init; }

    /// <summary>A uniform number for a step and a record, in place of this one's own.</summary>
    public Func<long, int, double>? Draw { get; init; }

    /// <summary>What normal numbers are multiplied by: 0 for no noise.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Which normal numbers were asked for.</summary>
    public List<(long Step, string Tensor, long First, int Count)> Asked { get; } = [];

    public override void Uniform(long step, Span<double> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Draw?.Invoke(step, i) ?? Number(Seed, step, i);
        }
    }

    public override void Gaussian(long step, string tensor, long first, Span<double> values)
    {
        Asked.Add((step, tensor, first, values.Length));
        ulong seed = Encoding.UTF8.GetBytes(tensor).Aggregate(Seed, (state, next) => SplitMix64.Mix(state + next));
        for (int i = 0; i < values.Length; i++)
        {
            long place = 2 * (first + i);
            values[i] = Scale * Math.Sqrt(-2 * Math.Log(1 - Number(seed, step, place))) * Math.Cos(2 * Math.PI * Number(seed, step, place + 1));
        }
    }

    private static double Number(ulong seed, long step, long place) =>
        (SplitMix64.Mix(SplitMix64.Mix(SplitMix64.Mix(seed) + (ulong)step) + (ulong)place) >> 11) * (1.0 / (1UL << 53));
}
