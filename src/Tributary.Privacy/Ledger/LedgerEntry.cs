using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Ledger;

/// <summary>Whose ledger it is: the first line.</summary>
/// <param name="Job">The job.</param>
/// <param name="Party">The party that adds the noise, such as <c>site/clinic</c>.</param>
public sealed record LedgerHeader(
    [property: JsonPropertyOrder(0)] string Job,
    [property: JsonPropertyOrder(1)] string Party);

/// <summary>What a round spent.</summary>
/// <param name="Round">The round.</param>
/// <param name="Time">When it was entered, before its noise was used.</param>
/// <param name="Mechanism">What was done; its sampling rate stands there only where samples are Poisson.</param>
/// <param name="Uses">How often it was done in the round, such as a trainer's steps.</param>
/// <param name="Delta">The budget's delta then.</param>
/// <param name="Epsilon">Epsilon at that delta with this round and all before it.</param>
/// <param name="Key">The fingerprint of the round's noise key.</param>
public sealed record LedgerEntry(
    [property: JsonPropertyOrder(0)] int Round,
    [property: JsonPropertyOrder(1)] DateTimeOffset Time,
    [property: JsonPropertyOrder(2)] Mechanism Mechanism,
    [property: JsonPropertyOrder(3)] long Uses,
    [property: JsonPropertyOrder(4)] double Delta,
    [property: JsonPropertyOrder(5)] double Epsilon,
    [property: JsonPropertyOrder(6)] string Key);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(LedgerHeader))]
[JsonSerializable(typeof(LedgerEntry))]
internal sealed partial class LedgerJson : JsonSerializerContext;
