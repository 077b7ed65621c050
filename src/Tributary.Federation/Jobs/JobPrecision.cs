using System.Text.Json.Serialization;
using Tributary.Codecs;

namespace Tributary.Federation.Jobs;

/// <summary>The precision of messages: the name of a codec for each direction, or <see cref="Adaptive"/>.</summary>
/// <param name="Task">Of task data, server to site.</param>
/// <param name="Result">Of task results, site to server.</param>
/// <param name="First">
/// Of a message that is a whole model where all later ones are changes of it: the first to the sites. Null for as fine as <paramref name="Task"/>, or for nf4 where
/// that can carry changes only.
/// </param>
/// <param name="Budget">What an adaptive precision is held to; null where none is adaptive.</param>
/// <param name="Last">
/// Of the last message to the sites, with which they measure the model that the job ends with: no later one brings what it loses. Null for <paramref name="Task"/>.
/// </param>
/// <param name="Ring">The ring of results that are summed as integers; then <paramref name="Result"/> is <see cref="Integers"/>. Null for none.</param>
public sealed record JobPrecision(string Task, string Result, string? First = null, JobBudget? Budget = null, string? Last = null, JobRing? Ring = null)
{
    /// <summary>The name of a precision of results that are integers of a ring.</summary>
    public const string Integers = "ring";

    /// <summary>The name of a precision that is chosen for each tensor, anew for each message.</summary>
    public const string Adaptive = "adaptive";

    /// <summary>The name of a precision of results that each site chooses so, within what it can send in time.</summary>
    public const string Auto = "auto";

    /// <summary>The name of the codec of whole models where changes are exchanged.</summary>
    [JsonIgnore]
    public string Whole => First ?? (IsForChanges(Task) ? Precision.Nf4.Name : Task);

    /// <summary>Whether a precision can carry changes only.</summary>
    public static bool IsForChanges(string name) => name is Adaptive or Auto or Integers || (Precision.TryParse(name, out Codec? codec) && codec.IsForChanges);
}

/// <summary>What the messages of an adaptive precision are held to: bytes, or what they may lose.</summary>
public sealed record JobBudget
{
    /// <summary>The budget of a message of changes where the job file does not say: as many bytes as int2 takes.</summary>
    public const double Usual = 0.07;

    /// <summary>The most bytes of a change to the sites, payload and meta, as a share of the model's in fp32; null for <see cref="Usual"/>.</summary>
    public double? Task { get; init; }

    /// <summary>The most bytes of a change from a site, as a share of the model's in fp32; null for <see cref="Usual"/>.</summary>
    public double? Result { get; init; }

    /// <summary>The largest norm of what a message loses, as a share of the change's, instead of a number of bytes; null where it is one.</summary>
    public double? Error { get; init; }

    /// <summary>How much a tensor's squared error counts, by its name, as <c>tributary sensitivity</c> measures it; null where all count alike.</summary>
    public IReadOnlyDictionary<string, double>? Weights { get; init; }
}
