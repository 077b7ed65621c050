using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;

namespace Tributary.Simulation;

/// <summary>What a simulation is made of.</summary>
public sealed record SimulationOptions
{
    /// <summary>The job file, with whatever the command line overrides.</summary>
    public required JobFile File { get; init; }

    /// <summary>The model's checkpoint folder.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>The folder that the sites' data paths are relative to.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The folder in which the sites' trainers are started, so that the relative paths of their commands begin there.</summary>
    public string TrainerFolder { get; init; } = Environment.CurrentDirectory;

    /// <summary>The folder of everything that comes out.</summary>
    public required string OutFolder { get; init; }

    /// <summary>The server's loopback port; 0 for any that is free.</summary>
    public int Port { get; init; }

    /// <summary>
    /// How many sites work at once, at least 1; the others wait for their turn. Null for as many as the machine has cores where they are made of
    /// one file, and for all where each has its own.
    /// </summary>
    public int? Parallel { get; init; }

    /// <summary>Makes each site's executor; the trainer that the job names unless told otherwise.</summary>
    public Func<JobFileSite, Executor>? Executors { get; init; }
}
