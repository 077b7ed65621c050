using System.IO.Enumeration;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>
/// Sends tensors as if they had not been trained: of a change zeros, of weights what was received. So nothing that training did to them leaves the
/// site, nor of their control variates where the workflow has these. What training did to the other tensors may still tell of the same data; by itself
/// this is no formal guarantee.
/// </summary>
/// <param name="patterns">The tensors, by name, in which * stands for any run of characters.</param>
/// <param name="received">What the site received: the same tensors.</param>
/// <param name="exchange">Whether what it is applied to is weights or a change.</param>
public sealed class ExcludeFilter(IReadOnlyList<string> patterns, TensorSource received, Exchange exchange) : Filter
{
    /// <inheritdoc/>
    public override string Name => $"exclude {string.Join(", ", patterns)}";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Dense;

    /// <summary>The patterns that no tensor has a name for: misspelt, or meant for other models.</summary>
    public static IReadOnlyList<string> Idle(IReadOnlyList<string> patterns, TensorManifest manifest) =>
        [.. patterns.Where(pattern => !manifest.Any(entry => Matches(pattern, entry.Spec.Name)))];

    /// <summary>Whether nothing would be left.</summary>
    public static bool IsAll(IReadOnlyList<string> patterns, TensorManifest manifest) =>
        manifest.All(entry => !entry.Spec.DType.IsTrainable() || patterns.Any(pattern => Matches(pattern, entry.Spec.Name)));

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source)
    {
        int[] places = [.. Enumerable.Range(0, received.Manifest.Count).Where(place => patterns.Any(pattern => Matches(pattern, received.Manifest[place].Spec.Name)))];
        if (places.Length == 0)
        {
            return source;
        }

        var untrained = new SelectedTensors(received, places);
        return TrainedTensors.Put(source, exchange == Exchange.Delta ? new DeltaSource(untrained, untrained) : untrained);
    }

    /// <summary>A control variate's name is its tensor's behind a prefix, and what it tells is of that tensor's training.</summary>
    private static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(
        pattern, name.StartsWith(Scaffold.ControlPrefix, StringComparison.Ordinal) ? name[Scaffold.ControlPrefix.Length..] : name, ignoreCase: false);
}
