namespace Tributary.Training;

/// <summary>A step that has been done.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="Steps">How many there will be.</param>
/// <param name="Loss">The batch's mean loss per response token, in nats, before the step changed the weights.</param>
/// <param name="Tokens">The tokens trained on so far, prompt and response.</param>
public sealed record TrainingProgress(int Step, int Steps, double Loss, long Tokens);

/// <summary>What came of a training.</summary>
/// <param name="MeanLoss">The mean loss per response token over all steps, in nats, each batch before its step.</param>
/// <param name="Steps">The steps done.</param>
/// <param name="Samples">The records trained on, each as often as it was.</param>
/// <param name="Tokens">The tokens trained on, prompt and response.</param>
/// <param name="ResponseTokens">Those among them that counted in the loss.</param>
public sealed record TrainingResult(double MeanLoss, int Steps, long Samples, long Tokens, long ResponseTokens)
{
    /// <summary>Whether an <see cref="EarlyStop"/> ended it.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>The steps among those done that a checkpoint had.</summary>
    public int StepsResumed { get; init; }
}

/// <summary>The loss of a model on a dataset.</summary>
/// <param name="MeanLoss">Mean cross-entropy per response token, in nats.</param>
/// <param name="ResponseTokens">The response tokens it is the mean of.</param>
public sealed record EvaluationResult(double MeanLoss, long ResponseTokens)
{
    /// <summary>e to the mean loss: among how many equally likely tokens the model seems to choose.</summary>
    public double Perplexity => Math.Exp(MeanLoss);
}

/// <summary>The loss or the gradients are no longer numbers. The message says at which step, and what to do.</summary>
public sealed class TrainingDivergedException : Exception
{
    internal TrainingDivergedException(int step, double loss, double gradientNorm)
        : base(
            $"Training diverged at step {step}: the loss is {loss} and the norm of the gradients {gradientNorm}. Lower LearningRate, or "
            + "set ClipNorm (1 is usual); if this is the first step, the model's weights are broken.")
    {
        Step = step;
        Loss = loss;
    }

    /// <summary>The step, from 1.</summary>
    public int Step { get; }

    /// <summary>The batch's mean loss at that step.</summary>
    public double Loss { get; }
}
