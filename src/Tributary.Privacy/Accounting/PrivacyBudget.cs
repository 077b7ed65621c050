namespace Tributary.Privacy.Accounting;

/// <summary>
/// The most that may be spent. Whatever is released, nobody's belief about one unit (a record, or a site) is changed by more than a factor of e^epsilon, but
/// with a probability of delta.
/// </summary>
/// <param name="Epsilon">Epsilon, above 0; infinity where spending is only to be counted.</param>
/// <param name="Delta">Delta, above 0 and below 1: well below one over the number of units.</param>
public sealed record PrivacyBudget(double Epsilon, double Delta)
{
    /// <summary>Epsilon.</summary>
    public double Epsilon { get; } = Epsilon > 0 ? Epsilon : throw new ArgumentException($"Epsilon is {Epsilon}, but should be above 0.");

    /// <summary>Delta.</summary>
    public double Delta { get; } = Delta is > 0 and < 1 ? Delta : throw new ArgumentException($"Delta is {Delta}, but should be above 0 and below 1.");
}
