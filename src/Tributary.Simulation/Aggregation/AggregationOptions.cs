using Tributary.Federation.Jobs;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Simulation.Aggregation;

/// <summary>What an <see cref="AggregationBenchmark"/> measures.</summary>
public sealed record AggregationOptions
{
    /// <summary>The checkpoint that is sent: a folder or file.</summary>
    public required string Model { get; init; }

    /// <summary>The number of sites, at least 1, each a process.</summary>
    public required int Sites { get; init; }

    /// <summary>The name of the precision, both ways.</summary>
    public required string Precision { get; init; }

    /// <summary>The number of rounds, at least 1.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>What messages say.</summary>
    public Exchange Exchange { get; init; } = Exchange.Weights;

    /// <summary>What each site does with the model before it returns one.</summary>
    public ModelUse Use { get; init; } = ModelUse.Lazy;

    /// <summary>How long each site sleeps in a round, as if it trained.</summary>
    public double SleepSeconds { get; init; }

    /// <summary>How many times as long the first site sleeps.</summary>
    public double SlowFactor { get; init; } = 1;

    /// <summary>The folder below which everything is written, and removed again.</summary>
    public required string WorkFolder { get; init; }
}
