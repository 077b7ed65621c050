using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;

namespace Tributary.Federation.Wire;

/// <summary>An object that a site fetches.</summary>
/// <param name="Path">Its address below the server's.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Digest">Its digest; null while it is still being made, and then the object's descriptor tells it in the end.</param>
/// <param name="Meaning">What its tensors are.</param>
/// <param name="UnitEnds">Where the units end that are held in memory before they move on; empty for file streaming.</param>
public sealed record MessageDocument(string Path, long Length, string? Digest, MessageMeaning Meaning, IReadOnlyList<long> UnitEnds);

/// <summary>A task as the server hands it to a site.</summary>
/// <param name="Job">The job.</param>
/// <param name="Name">The task's name.</param>
/// <param name="Round">The round, from 1.</param>
/// <param name="Step">The step within the round, from 0.</param>
/// <param name="Attempt">How often this task was handed to this site, from 1.</param>
/// <param name="Message">The model: weights, or a change.</param>
/// <param name="Base">Where <paramref name="Message"/> is a change: the base's address, for a site that does not hold it.</param>
/// <param name="Connections">The connections that the server has for this site's transfers; null for as many as the site likes.</param>
/// <param name="Signed">The job as its submitter signed it; null where nobody did, as in a simulation.</param>
/// <param name="Counted">
/// The digest of this site's last result in the job that counts, where the job keeps residuals: which of its own the site goes on with. Null where none counts.
/// </param>
/// <param name="Note">What this site is told beside the model, as JSON: the round's ring, or a stage of secure aggregation. Null for nothing.</param>
/// <param name="Traceparent">The server's span of this step, as the W3C's Trace Context writes it; null where nobody traces.</param>
public sealed record TaskDocument(
    Job Job, string Name, int Round, int Step, int Attempt, MessageDocument Message, BaseDocument? Base, int? Connections = null, SignedJobDocument? Signed = null, string? Counted = null, string? Traceparent = null, string? Note = null);

/// <summary>The base of a change, as a message of weights.</summary>
/// <param name="Path">Its address below the server's.</param>
/// <param name="Model">The digest of the model it is, as <see cref="MessageMeaning.ModelDigest"/> gives it.</param>
public sealed record BaseDocument(string Path, string Model);

/// <summary>A site's result; its message, if it has one, has been uploaded before.</summary>
/// <param name="Attempt">The attempt that made it.</param>
/// <param name="Samples">The update's weight.</param>
/// <param name="Metrics">Figures by name.</param>
/// <param name="Digest">The digest of the uploaded message; null where the task trains nothing.</param>
/// <param name="Meaning">What its tensors are; null where there is none.</param>
/// <param name="Answer">What the site says beside the figures, as JSON: its message of a stage of secure aggregation. Null for nothing.</param>
public sealed record ResultDocument(int Attempt, long Samples, IReadOnlyDictionary<string, double> Metrics, string? Digest, MessageMeaning? Meaning, string? Answer = null);

/// <summary>A site begins the upload of a result's message.</summary>
/// <param name="Length">The message's length in bytes.</param>
/// <param name="PartBytes">The bytes of every part but the last.</param>
public sealed record UploadDocument(long Length, int PartBytes);

/// <summary>A site cannot do a task.</summary>
/// <param name="Reason">Why, and what to do.</param>
/// <param name="IsTransient">Whether the same task may be done when it is tried again.</param>
/// <param name="Attempt">The attempt that failed.</param>
public sealed record FailureDocument(string Reason, bool IsTransient = false, int Attempt = 1);

/// <summary>The addresses of the server's interface, below its base address.</summary>
public static class Routes
{
    /// <summary>GET: the site's next task; waits as long as <c>Prefer: wait=N</c> says, then 204.</summary>
    public const string NextTask = "v1/tasks/next";

    /// <summary>The query of <see cref="NextTask"/> that names a job, of which the site wants no task now; given once for each.</summary>
    public const string Except = "except";

    /// <summary>The address of a step of a job.</summary>
    public static string Step(string job, int round, int step) => $"v1/jobs/{job}/rounds/{round}/steps/{step}";

    /// <summary>The address of a site's upload in a step.</summary>
    public static string Upload(string job, int round, int step, int attempt) => $"{Step(job, round, step)}/uploads/{attempt}";

    /// <summary>The address of an object of a job.</summary>
    public static string Object(string job, string name) => $"v1/jobs/{job}/objects/{name}";
}

/// <summary>How these documents are written: camelCase, enums as words.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TaskDocument))]
[JsonSerializable(typeof(ResultDocument))]
[JsonSerializable(typeof(UploadDocument))]
[JsonSerializable(typeof(FailureDocument))]
[JsonSerializable(typeof(TaskProgress))]
[JsonSerializable(typeof(Job))]
[JsonSerializable(typeof(MessageMeaning))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, double>))]
public sealed partial class WireJson : JsonSerializerContext;
