namespace Tributary.Training;

/// <summary>How a model is trained. Every training checks all of it first and reports all errors together.</summary>
public sealed record TrainingOptions
{
    /// <summary>How often the records are gone through; at least 1. Default 1.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Records that are worked on together, which memory grows with; at least 1. Default 8.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>
    /// Batches in a step; at least 1. Their gradients are added as if they were one batch: the mean is over the response tokens of all of
    /// them. Default 1.
    /// </summary>
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>The step's size where the schedule is highest; above 0. Default 0.0005.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>How the learning rate goes on after the warm-up. Default constant.</summary>
    public LearningRateSchedule Schedule { get; init; }

    /// <summary>
    /// The steps in which the learning rate rises from 0, which the first of them has; at least 0. Default 0. Give this or
    /// <see cref="WarmupRatio"/>.
    /// </summary>
    public int WarmupSteps { get; init; }

    /// <summary>Those steps as a share of all that the schedule goes over, rounded up; at least 0, at most 1. Default 0.</summary>
    public double WarmupRatio { get; init; }

    /// <summary>
    /// How many trainings like this one the schedule goes over, as the rounds of a federation; at least 1. Default 1.
    /// </summary>
    public int ScheduleTrainings { get; init; } = 1;

    /// <summary>Which of them this is; from 0, below <see cref="ScheduleTrainings"/>. Default 0.</summary>
    public int ScheduleTraining { get; init; }

    /// <summary>AdamW's decay per step and learning rate; at least 0. Default 0.</summary>
    public double WeightDecay { get; init; }

    /// <summary>What decays. Default the matrices of linear layers: not norms, not the embedding.</summary>
    public WeightDecayScope Decay { get; init; }

    /// <summary>Whether a tensor of that name stays as it is; null where all are trained. Its gradient counts for nothing, not for clipping either.</summary>
    public Func<string, bool>? IsFrozen { get; init; }

    /// <summary>
    /// FedProx's mu: mu / 2 times the squared distance from the model as it was before the training is added to what is minimized, not to
    /// the loss that is reported. At least 0; above it, a copy of that model is kept, 4 bytes a trained parameter. Default 0.
    /// </summary>
    public double ProximalMu { get; init; }

    /// <summary>When to end early; null for never. Default null.</summary>
    public EarlyStop? EarlyStop { get; init; }

    /// <summary>What makes the training differentially private; null for an ordinary one. Not together with an early stop. Default null.</summary>
    public PrivateTraining? Private { get; init; }

    /// <summary>How slowly the mean of the gradients follows; at least 0, below 1. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>How slowly the mean of their squares follows; at least 0, below 1. Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>What is added to the root of the squares; above 0. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The largest norm of all gradients together, longer ones are scaled down to it; 0 for no limit. Default 1.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>The seed of the order of the records and of dropout. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The threads that share each operation, 1 to 256; results do not depend on it. Default 1.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>The most steps, over all epochs; at least 1, or nothing for no limit. Default nothing.</summary>
    public int? StepsMax { get; init; }

    /// <summary>Checks every option.</summary>
    /// <exception cref="ArgumentException">One or more are out of range; the message lists them all.</exception>
    public void Validate()
    {
        var errors = new List<string>();
        void Require(bool right, string error)
        {
            if (!right)
            {
                errors.Add(error);
            }
        }

        Require(Epochs >= 1, $"Epochs is {Epochs}; it must be at least 1");
        Require(BatchSize >= 1, $"BatchSize is {BatchSize}; it must be at least 1");
        Require(GradientAccumulation >= 1, $"GradientAccumulation is {GradientAccumulation}; it must be at least 1");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), $"LearningRate is {LearningRate}; it must be above 0");
        Require(Enum.IsDefined(Schedule), $"Schedule is {Schedule}; it must be one that there is");
        Require(WarmupSteps >= 0, $"WarmupSteps is {WarmupSteps}; it must be at least 0");
        Require(WarmupRatio is >= 0 and <= 1, $"WarmupRatio is {WarmupRatio}; it must be at least 0 and at most 1");
        Require(WarmupSteps == 0 || WarmupRatio == 0, $"WarmupSteps is {WarmupSteps} and WarmupRatio is {WarmupRatio}; give one of them");
        Require(ScheduleTrainings >= 1, $"ScheduleTrainings is {ScheduleTrainings}; it must be at least 1");
        Require(
            ScheduleTraining >= 0 && ScheduleTraining < ScheduleTrainings,
            $"ScheduleTraining is {ScheduleTraining}; it must be at least 0 and below ScheduleTrainings, {ScheduleTrainings}");
        Require(WeightDecay >= 0 && double.IsFinite(WeightDecay), $"WeightDecay is {WeightDecay}; it must be at least 0");
        Require(Enum.IsDefined(Decay), $"Decay is {Decay}; it must be one that there is");
        Require(ProximalMu >= 0 && double.IsFinite(ProximalMu), $"ProximalMu is {ProximalMu}; it must be at least 0");
        Require(
            EarlyStop is null or { Every: >= 1, Patience: >= 1 },
            $"EarlyStop is every {EarlyStop?.Every} steps with patience {EarlyStop?.Patience}; both must be at least 1");
        errors.AddRange(Private?.Errors(this) ?? []);
        Require(Beta1 is >= 0 and < 1, $"Beta1 is {Beta1}; it must be at least 0 and below 1");
        Require(Beta2 is >= 0 and < 1, $"Beta2 is {Beta2}; it must be at least 0 and below 1");
        Require(Epsilon > 0 && double.IsFinite(Epsilon), $"Epsilon is {Epsilon}; it must be above 0");
        Require(ClipNorm >= 0 && double.IsFinite(ClipNorm), $"ClipNorm is {ClipNorm}; it must be at least 0, and 0 means no limit");
        Require(Threads is >= 1 and <= 256, $"Threads is {Threads}; it must be 1 to 256");
        Require(StepsMax is null or >= 1, $"StepsMax is {StepsMax}; it must be at least 1");
        if (errors.Count > 0)
        {
            throw new ArgumentException($"Training options: {string.Join("; ", errors)}.");
        }
    }
}
