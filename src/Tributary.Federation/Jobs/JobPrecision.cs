using System.Text.Json.Serialization;
using Tributary.Codecs;

namespace Tributary.Federation.Jobs;

/// <summary>The precision of messages: the name of a codec for each direction.</summary>
/// <param name="Task">Of task data, server to site.</param>
/// <param name="Result">Of task results, site to server.</param>
/// <param name="First">
/// Of a message that is a whole model where all later ones are changes of it: the first to the sites. Null for as fine as <paramref name="Task"/>, or for nf4 where
/// that can carry changes only.
/// </param>
public sealed record JobPrecision(string Task, string Result, string? First = null)
{
    /// <summary>The name of the codec of whole models where changes are exchanged.</summary>
    [JsonIgnore]
    public string Whole => First ?? (Precision.TryParse(Task, out Codec? codec) && codec.IsForChanges ? Precision.Nf4.Name : Task);
}
