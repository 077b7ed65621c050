using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Federation.Jobs;

/// <summary>
/// What the submitter of a job signs: the job with the roster of its sites (<see cref="Job.Sites"/>), and the model that it starts from. Sites act on this and
/// on nothing else that a server says of the job, so a server can neither change a job nor add a site to it.
/// </summary>
/// <param name="Job">The job.</param>
/// <param name="Model">The model that it starts from.</param>
/// <param name="Submitted">When it was submitted, by the submitter's clock.</param>
public sealed record JobStatement(Job Job, InitialModel Model, DateTimeOffset Submitted)
{
    /// <summary>What kind of document is signed.</summary>
    public const string MediaType = "application/vnd.tributary.job+json";

    /// <summary>The text that is signed and carried on as it is: JSON without white space, of whose members those that say nothing are left out.</summary>
    public string ToText() => JsonSerializer.Serialize(this, StatementJson.Default.JobStatement);

    /// <summary>The digest by which people know a job: <c>sha256:</c> and 64 hexadecimal digits, of the text's UTF-8 bytes.</summary>
    public static string DigestOf(string text) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

    /// <summary>
    /// Reads a text. What it says and is not known here is refused: it may be a rule that this version would not keep.
    /// </summary>
    /// <exception cref="JobStatementException">It is no statement of a job, or one of a newer version.</exception>
    public static JobStatement Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, StatementJson.Default.JobStatement) ?? throw new JobStatementException("the job's statement is null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new JobStatementException($"the job's statement cannot be read here: {e.Message}; where it was made by a newer version, install that here", e);
        }
    }
}

/// <summary>The model that a job starts from, a safetensors file.</summary>
/// <param name="Digest">The digest of the file as an object, see docs/WIRE-FORMAT.md.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Name">What people call it, such as <c>llama-3.2-1b</c>.</param>
/// <param name="Parameters">How many parameters it has.</param>
public sealed record InitialModel(string Digest, long Length, string Name, long Parameters);

/// <summary>A job's statement that cannot be acted upon. The message says why.</summary>
public sealed class JobStatementException : Exception
{
    /// <summary>Makes the error.</summary>
    public JobStatementException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public JobStatementException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(JobStatement))]
internal sealed partial class StatementJson : JsonSerializerContext;
