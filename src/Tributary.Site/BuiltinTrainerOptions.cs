namespace Tributary.Site;

/// <summary>What the trainer inside works with at a site: the site's own affair, of which a job says nothing.</summary>
public sealed record BuiltinTrainerOptions
{
    /// <summary>The site's name; it is part of what orders its records.</summary>
    public required string Site { get; init; }

    /// <summary>A folder with config.json, tokenizer.json and, where a job asks for it, the model's chat template.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>The site's records, JSONL.</summary>
    public required string DataPath { get; init; }

    /// <summary>Take only the first so many of them; null for all.</summary>
    public int? RecordsMax { get; init; }

    /// <summary>The records that the loss is measured on, JSONL; null to hold out the job's share of the others.</summary>
    public string? HeldOutPath { get; init; }

    /// <summary>The folder for checkpoints and for the optimizer's state between rounds; made where a job asks for these.</summary>
    public required string WorkFolder { get; init; }

    /// <summary>The threads to train with.</summary>
    public int Threads { get; init; } = 1;
}
