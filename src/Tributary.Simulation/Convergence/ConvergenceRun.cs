namespace Tributary.Simulation.Convergence;

/// <summary>What came of one setting with one seed.</summary>
/// <param name="Setting">The setting's name.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Losses">The global model's held-out loss in nats a response token: as it was at first, then after each round.</param>
/// <param name="Bytes">The bytes of payload and meta that crossed the wire, both directions; none for central training.</param>
/// <param name="HeaderBytes">The bytes of the messages' headers, which are not in it.</param>
/// <param name="Fp32Bytes">What the same messages would have as fp32 weights.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record ConvergenceRun(string Setting, ulong Seed, IReadOnlyList<double> Losses, long Bytes, long HeaderBytes, long Fp32Bytes, double Seconds)
{
    /// <summary>The lowest loss within the rounds.</summary>
    public double Best => Losses.Min();

    /// <summary>The loss before anything was trained.</summary>
    public double Start => Losses[0];
}
