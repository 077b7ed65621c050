namespace Tributary.Simulation.PrivacyCosts;

/// <summary>What a <see cref="PrivacyBenchmark"/> measures.</summary>
public sealed record PrivacyBenchmarkOptions
{
    /// <summary>The checkpoint folder.</summary>
    public required string Model { get; init; }

    /// <summary>The number of sites, at least 3.</summary>
    public required int Sites { get; init; }

    /// <summary>The number of rounds of each setting, at least 1; the median counts.</summary>
    public required int Rounds { get; init; }

    /// <summary>The folder below which everything is written, and removed again.</summary>
    public required string WorkFolder { get; init; }

    /// <summary>The names of the settings; null for all.</summary>
    public IReadOnlyList<string>? Settings { get; init; }
}

/// <summary>Everything that was measured.</summary>
/// <param name="Model">The checkpoint's name.</param>
/// <param name="Parameters">Its parameters.</param>
/// <param name="Sites">The number of sites.</param>
/// <param name="Rounds">The rounds of each setting.</param>
/// <param name="Cores">The machine's cores.</param>
/// <param name="Ended">When.</param>
/// <param name="Costs">The settings.</param>
public sealed record PrivacyCostReport(string Model, long Parameters, int Sites, int Rounds, int Cores, DateTimeOffset Ended, IReadOnlyList<PrivacyCost> Costs);

/// <summary>A setting.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Against">The setting that it is held against; null for none.</param>
/// <param name="ResultBytes">The bytes of a site's message in a round.</param>
/// <param name="ProtocolBytes">The bytes that a site sends beside it in a round: its answers in secure aggregation.</param>
/// <param name="Fp32Bytes">The bytes of the model's floats in fp32.</param>
/// <param name="Seconds">A round's time, the median: from its start until its model is durable, server and all sites on this machine.</param>
/// <param name="SecondsLeast">The least.</param>
/// <param name="SecondsMost">The most.</param>
/// <param name="PeakBytes">The peak resident set of the process: server and all sites.</param>
public sealed record PrivacyCost(
    string Name, string? Against, double ResultBytes, double ProtocolBytes, long Fp32Bytes, double Seconds, double SecondsLeast, double SecondsMost, long PeakBytes);
