using Tributary.Site.Privacy;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>What the trainer inside works with at a site: the site's own affair, of which a job says nothing.</summary>
public sealed record BuiltinTrainerOptions
{
    /// <summary>The site's name; it is part of what orders its records.</summary>
    public required string Site { get; init; }

    /// <summary>
    /// A folder with config.json and tokenizer.json, and where a job asks for them the model's chat template and the weights of the adapters' base.
    /// </summary>
    public required string ModelFolder { get; init; }

    /// <summary>
    /// The base of adapters, read already and shared with others, whose owner disposes it; null to read it from the folder when a job needs it.
    /// </summary>
    public FrozenBase? Base { get; init; }

    /// <summary>The site's records, JSONL.</summary>
    public required string DataPath { get; init; }

    /// <summary>What reads records for this model and job, shared with others; null to make one.</summary>
    public RecordReader? Reader { get; init; }

    /// <summary>The site's records where they are read already, as those of many sites in one file are; null to read them.</summary>
    public InstructionDataset? Records { get; init; }

    /// <summary>Take only the first so many of them; null for all.</summary>
    public int? RecordsMax { get; init; }

    /// <summary>The records that the loss is measured on, JSONL; null to hold out the job's share of the others.</summary>
    public string? HeldOutPath { get; init; }

    /// <summary>The folder for checkpoints and for the optimizer's state between rounds; made where a job asks for these.</summary>
    public required string WorkFolder { get; init; }

    /// <summary>The most that a job may spend of these records' privacy, by the site's own rules; null for what the job says.</summary>
    public SiteBudget? Budget { get; init; }

    /// <summary>The clock of the site's privacy ledger.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Whether sites take turns in one process, so that the model's memory is given back after each task and not kept for the next.</summary>
    public bool TakesTurns { get; init; }

    /// <summary>The threads to train with.</summary>
    public int Threads { get; init; } = 1;
}
