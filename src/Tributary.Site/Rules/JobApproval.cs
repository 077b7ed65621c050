using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;

namespace Tributary.Site.Rules;

/// <summary>A job that came to a site where a person has to say yes, and what that person said.</summary>
/// <param name="Digest">The digest of what was signed, <see cref="JobStatement.DigestOf"/>: what the answer is for.</param>
/// <param name="Statement">What was signed.</param>
/// <param name="Submitter">Who has signed it, as role/name.</param>
/// <param name="Asked">When it came first.</param>
/// <param name="Answer">What the person said; null where nobody has answered.</param>
public sealed record JobApproval(string Digest, JobStatement Statement, string Submitter, DateTimeOffset Asked, ApprovalAnswer? Answer);

/// <summary>What a person at a site said to a job.</summary>
/// <param name="IsApproved">Whether yes.</param>
/// <param name="Reason">Why not; null for no reason, and for a yes.</param>
/// <param name="By">The account that said it.</param>
/// <param name="Time">When.</param>
public sealed record ApprovalAnswer(bool IsApproved, string? Reason, string By, DateTimeOffset Time);

/// <summary>What the agent writes when a job comes.</summary>
internal sealed record ApprovalRequest(SignedJobDocument Signed, string Submitter, DateTimeOffset Asked);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ApprovalRequest))]
[JsonSerializable(typeof(ApprovalAnswer))]
internal sealed partial class ApprovalJson : JsonSerializerContext;
