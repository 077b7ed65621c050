using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Server.Audit;

/// <summary>Who did what, and when.</summary>
/// <param name="Number">Its number, from 1, without gaps.</param>
/// <param name="Time">When.</param>
/// <param name="Who">The party, as role/name.</param>
/// <param name="What">What was done, such as <c>job-submitted</c>.</param>
/// <param name="About">What it was done to, such as a job's name; empty where nothing has a name.</param>
/// <param name="Detail">What else matters, such as a digest; null for nothing.</param>
/// <param name="Previous">The hash of the entry before, 64 hexadecimal digits; zeros for the first.</param>
public sealed record AuditEntry(
    [property: JsonPropertyOrder(0)] long Number,
    [property: JsonPropertyOrder(1)] DateTimeOffset Time,
    [property: JsonPropertyOrder(2)] string Who,
    [property: JsonPropertyOrder(3)] string What,
    [property: JsonPropertyOrder(4)] string About,
    [property: JsonPropertyOrder(5)] string? Detail,
    [property: JsonPropertyOrder(6)] string Previous);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(AuditEntry))]
internal sealed partial class AuditJson : JsonSerializerContext;
