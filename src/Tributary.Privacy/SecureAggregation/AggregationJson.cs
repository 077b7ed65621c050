using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>What sites are told before they make their keys: the numbers of the round that the signed job does not have.</summary>
/// <param name="Range">The ring's range, see <see cref="Rings.RingGrid"/>.</param>
public sealed record RoundNote(double Range);

/// <summary>How the protocol's messages are written: camelCase, bytes in base64; what is missing or not known is refused.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(RoundNote))]
[JsonSerializable(typeof(KeyAdvertisement))]
[JsonSerializable(typeof(IReadOnlyList<KeyAdvertisement>))]
[JsonSerializable(typeof(SharedSecrets))]
[JsonSerializable(typeof(ReceivedShares))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(SurvivorSignature))]
[JsonSerializable(typeof(UnmaskingRequest))]
[JsonSerializable(typeof(UnmaskingAnswer))]
public sealed partial class AggregationJson : JsonSerializerContext;
