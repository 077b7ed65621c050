using Tributary.Federation.Jobs;

namespace Tributary.Simulation.Convergence;

/// <summary>A way to run the experiment's job, and what it is held to.</summary>
public sealed record ConvergenceSetting
{
    /// <summary>Its name, as tables and charts have it.</summary>
    public required string Name { get; init; }

    /// <summary>What is worth knowing of it, in a few words.</summary>
    public string? Note { get; init; }

    /// <summary>The job with what the setting changes.</summary>
    public required JobFile File { get; init; }

    /// <summary>Whether nothing is federated: the trainer alone, on all sites' records.</summary>
    public bool IsCentral { get; init; }

    /// <summary>Whether one site has all sites' records.</summary>
    public bool IsPooled { get; init; }

    /// <summary>The setting that its regret is measured against; null for one that is a reference itself.</summary>
    public string? Against { get; init; }

    /// <summary>Whether it is held to something.</summary>
    public bool IsJudged { get; init; } = true;

    /// <summary>The most bytes, as a share of those of the same messages as fp32 weights; null for any.</summary>
    public double? BytesMax { get; init; }

    /// <summary>The largest mean regret, where that is what it is held to instead of the interval; null otherwise.</summary>
    public double? MeanRegretMax { get; init; }
}
