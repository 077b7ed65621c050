namespace Tributary.Federation.Jobs;

/// <summary>How the learning rate goes on after the warm-up, until the last step of the last round.</summary>
public enum JobSchedule
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>It falls to 0 in a straight line.</summary>
    Linear,

    /// <summary>It falls to 0 along half a wave of the cosine.</summary>
    Cosine,
}

/// <summary>What weight decay applies to.</summary>
public enum JobDecay
{
    /// <summary>The matrices of linear layers.</summary>
    Linear,

    /// <summary>Those and the embedding.</summary>
    Matrices,

    /// <summary>Everything, norms too.</summary>
    All,
}

/// <summary>What becomes of the optimizer's state at the end of a round.</summary>
public enum OptimizerState
{
    /// <summary>Every round begins without.</summary>
    Fresh,

    /// <summary>It stays at the site for the next round.</summary>
    Keep,
}

/// <summary>Ends a site's training in a round when its held-out loss no longer falls; the site returns the best model it had.</summary>
/// <param name="Patience">End after so many measurements in a row that are not the lowest yet.</param>
/// <param name="Every">Measure after so many steps.</param>
public sealed record JobEarlyStop(int Patience, int Every);
