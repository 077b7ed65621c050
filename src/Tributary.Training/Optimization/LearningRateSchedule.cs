namespace Tributary.Training;

/// <summary>How the learning rate goes on after the warm-up.</summary>
public enum LearningRateSchedule
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>It falls to 0 in a straight line.</summary>
    Linear,

    /// <summary>It falls to 0 along half a wave of the cosine.</summary>
    Cosine,
}

/// <summary>The values of a <see cref="LearningRateSchedule"/>.</summary>
internal static class LearningRateSchedules
{
    /// <summary>What the learning rate is multiplied by.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="step">The step, from 0: the first step of a warm-up changes nothing.</param>
    /// <param name="warmup">The steps of the warm-up, in which it rises in a straight line.</param>
    /// <param name="total">All steps, the warm-up among them.</param>
    /// <remarks>The formulas of transformers' get_constant_, get_linear_ and get_cosine_schedule_with_warmup.</remarks>
    public static double Factor(this LearningRateSchedule schedule, long step, long warmup, long total)
    {
        if (step < warmup)
        {
            return (double)step / warmup;
        }

        double done = Math.Min(1, (double)(step - warmup) / Math.Max(1, total - warmup));
        return schedule switch
        {
            LearningRateSchedule.Linear => 1 - done,
            LearningRateSchedule.Cosine => 0.5 * (1 + Math.Cos(Math.PI * done)),
            _ => 1,
        };
    }
}
