using Tributary.Codecs;
using Tributary.Codecs.Adaptive;
using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>
/// Dense floats to a codec's bytes, in a precision that is chosen for each tensor from what it would lose of this very change: it reads a sample of every tensor first.
/// </summary>
/// <param name="budget">What it is held to.</param>
/// <param name="isTask">Whether the message goes to sites.</param>
public sealed class AdaptFilter(JobBudget budget, bool isTask) : Filter
{
    private const double Finest = 0.5;

    /// <inheritdoc/>
    public override string Name => "quantize each tensor as suits it";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Encoded;

    /// <summary>The most bytes of payload and meta of a message; where an error is the bound, those of the finest precision that is chosen from.</summary>
    public static long BytesMax(TensorManifest manifest, JobBudget budget, bool isTask)
    {
        double share = budget.Error is null ? (isTask ? budget.Task : budget.Result) ?? JobBudget.Usual : Finest;
        return Math.Max(AdaptivePrecision.BytesMin(manifest), (long)(share * manifest.ElementCount * sizeof(float)));
    }

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source)
    {
        Func<string, double>? weightOf = budget.Weights is { } weights ? name => weights.GetValueOrDefault(name, 1) : null;
        IReadOnlyList<TensorChoice> choices = budget.Error is { } error
            ? AdaptivePrecision.WithinError(source, error, weightOf)
            : AdaptivePrecision.WithinBytes(source, BytesMax(source.Manifest, budget, isTask), weightOf);
        var codecs = choices.ToDictionary(choice => choice.Tensor, choice => choice.Codec, StringComparer.Ordinal);
        return new QuantizedSource(source, spec => codecs.GetValueOrDefault(spec.Name));
    }
}
