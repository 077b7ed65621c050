namespace Tributary.Site.Processes;

/// <summary>What a site gives a trainer's process: its own name, files and folders.</summary>
public sealed record TrainerPlace
{
    /// <summary>The site's name.</summary>
    public required string Site { get; init; }

    /// <summary>The folder in which the process is started, and so the one that relative paths of its command and environment begin in.</summary>
    public required string WorkingFolder { get; init; }

    /// <summary>The folder of the models that it is given and returns; it may lie in memory. Nothing else may lie in it.</summary>
    public required string TaskFolder { get; init; }

    /// <summary>The folder with the model's config.json and tokenizer.json.</summary>
    public required string Checkpoint { get; init; }

    /// <summary>The site's records.</summary>
    public required string Data { get; init; }

    /// <summary>How many of the first records are taken; null for all.</summary>
    public int? RecordsMax { get; init; }

    /// <summary>A file of records to measure on, in place of a share of the others; null for that share.</summary>
    public string? HeldOutPath { get; init; }

    /// <summary>The file that the process's stderr is appended to.</summary>
    public required string LogPath { get; init; }
}
