namespace Tributary.Federation.Jobs;

/// <summary>How buffered asynchronous aggregation fills its buffer (Nguyen et al. 2022, FedBuff).</summary>
/// <param name="Size">The updates that make a new global model.</param>
/// <param name="StalenessExponent">
/// An update made against a model that is s models older than the newest weighs 1 / (1 + s)^exponent of what it would; 0 for all alike.
/// </param>
public sealed record JobBuffer(int Size, double StalenessExponent = JobBuffer.StalenessExponentDefault)
{
    /// <summary>The paper's: the square root.</summary>
    public const double StalenessExponentDefault = 0.5;
}
