using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Federation.Tasks;

namespace Tributary.Federation.Wire;

/// <summary>A job's statement with its signature, as it is submitted and handed to sites.</summary>
/// <param name="Statement">The statement, byte for byte as it was signed, see <see cref="Jobs.JobStatement"/>.</param>
/// <param name="Signature">The signature, base64 of DER.</param>
/// <param name="Certificate">The submitter's certificate, PEM.</param>
public sealed record SignedJobDocument(string Statement, string Signature, string Certificate);

/// <summary>Where a submitted job stands. It only goes forward; a job that is resumed begins another run of it.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobState>))]
public enum JobState
{
    /// <summary>The model it starts from is not at the server yet.</summary>
    AwaitingModel,

    /// <summary>It waits for its turn, or for its sites.</summary>
    Queued,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It has come to its end.</summary>
    Finished,

    /// <summary>It could not go on.</summary>
    Failed,

    /// <summary>Somebody has ended it.</summary>
    Aborted,
}

/// <summary>A submitted job as it stands, in a line.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Reason">Why it failed, was ended, or still waits; null for no reason.</param>
/// <param name="Submitter">Who submitted it, as role/name.</param>
/// <param name="Submitted">When it came to the server.</param>
/// <param name="Workflow">Its workflow.</param>
/// <param name="Sites">How many sites take part.</param>
/// <param name="Round">The round it has come to; 0 before the first.</param>
/// <param name="Rounds">How many it has.</param>
/// <param name="Loss">The latest held-out loss of a global model, in nats per response token; null where there is none.</param>
public sealed record JobLineDocument(
    string Name, JobState State, string? Reason, string Submitter, DateTimeOffset Submitted, string Workflow, int Sites, int Round, int Rounds, double? Loss);

/// <summary>A submitted job as it stands.</summary>
/// <param name="Line">What its line in the list says.</param>
/// <param name="Digest">The digest of its statement.</param>
/// <param name="Run">How often it was begun: 1, and 1 more for each time it was resumed.</param>
/// <param name="Started">When this run began; null where it has not.</param>
/// <param name="Ended">When it ended; null where it has not.</param>
/// <param name="Model">The model that it starts from.</param>
/// <param name="Doing">What goes on at the server, such as <c>train</c> or <c>merging the updates</c>; null where nothing does.</param>
/// <param name="Sites">Its sites, sorted by name.</param>
/// <param name="Models">The global models there are figures of, by round; 0 is the one it starts from.</param>
/// <param name="BestRound">The round of the model with the lowest held-out loss; null where none is known.</param>
/// <param name="Traffic">What has moved.</param>
public sealed record JobDocument(
    JobLineDocument Line,
    string Digest,
    int Run,
    DateTimeOffset? Started,
    DateTimeOffset? Ended,
    Jobs.InitialModel Model,
    string? Doing,
    IReadOnlyList<JobSiteDocument> Sites,
    IReadOnlyList<JobModelDocument> Models,
    int? BestRound,
    TrafficDocument Traffic);

/// <summary>A site of a job.</summary>
/// <param name="Site">Its name.</param>
/// <param name="Seen">When the server last heard of it, whatever about; null where it has not since it was started.</param>
/// <param name="Phase">What it is doing in the round that runs.</param>
/// <param name="Done">Steps, records or bytes done in this phase.</param>
/// <param name="Total">Steps, records or bytes of this phase; 0 while unknown.</param>
/// <param name="Loss">The latest loss that it told, in nats per response token.</param>
/// <param name="TokensPerSecond">Tokens trained on in a second, where it is known.</param>
/// <param name="BytesPerSecond">How fast its bytes have moved in this phase, where they do.</param>
/// <param name="Note">What happened to it last that is worth saying, such as why a round went on without it; null for nothing.</param>
public sealed record JobSiteDocument(
    string Site, DateTimeOffset? Seen, TaskPhase Phase, long Done, long Total, double? Loss, double? TokensPerSecond, double? BytesPerSecond, string? Note);

/// <summary>A round's global model.</summary>
/// <param name="Round">The round that made it; 0 is the initial one.</param>
/// <param name="Saved">When it was durable.</param>
/// <param name="Loss">Its held-out loss in nats per response token; null where it is not known.</param>
/// <param name="SiteLosses">The sites' own held-out losses of it; those there are.</param>
public sealed record JobModelDocument(int Round, DateTimeOffset Saved, double? Loss, IReadOnlyDictionary<string, double> SiteLosses);

/// <summary>What has moved for a job.</summary>
/// <param name="BytesDown">Bytes that went to the sites.</param>
/// <param name="BytesUp">Bytes that came from them.</param>
/// <param name="BytesAsFp32">What the same messages would have had as fp32 weights.</param>
public sealed record TrafficDocument(long BytesDown, long BytesUp, long BytesAsFp32);

/// <summary>Something that happened to a job, for people.</summary>
/// <param name="Number">Its number within the job, from 1, without gaps.</param>
/// <param name="Time">When.</param>
/// <param name="Kind">What kind of event, such as <c>step-opened</c>.</param>
/// <param name="Round">The round; null where it is of none.</param>
/// <param name="Site">The site; null where it is of none.</param>
/// <param name="Text">What happened, in words.</param>
public sealed record EventDocument(long Number, DateTimeOffset Time, string Kind, int? Round, string? Site, string Text);

/// <summary>A party that the server has heard of since it was started.</summary>
/// <param name="Site">The site's name.</param>
/// <param name="Seen">When it last asked for something.</param>
/// <param name="Version">The version it speaks; null where it did not say.</param>
public sealed record SiteDocument(string Site, DateTimeOffset Seen, string? Version);

/// <summary>Who asks, as the server knows them.</summary>
/// <param name="Role">The role, such as <c>viewer</c>.</param>
/// <param name="Name">The name.</param>
public sealed record PartyDocument(string Role, string Name);

/// <summary>The addresses of the interface for administrators and viewers.</summary>
public static class JobRoutes
{
    /// <summary>GET: the jobs; POST: submit one.</summary>
    public const string Jobs = "v1/jobs";

    /// <summary>GET: who asks.</summary>
    public const string Me = "v1/me";

    /// <summary>GET: the sites that the server has heard of.</summary>
    public const string Sites = "v1/sites";

    /// <summary>GET: a job; DELETE: remove one that has ended.</summary>
    public static string Job(string job) => $"v1/jobs/{job}";

    /// <summary>GET: the signed statement.</summary>
    public static string Statement(string job) => $"v1/jobs/{job}/statement";

    /// <summary>GET: events after a number; with <c>Prefer: wait=N</c> it waits for one.</summary>
    public static string Events(string job, long after) => $"v1/jobs/{job}/events?after={after}";

    /// <summary>POST: end a job.</summary>
    public static string Abort(string job) => $"v1/jobs/{job}/abort";

    /// <summary>POST: go on with a job that failed or was ended.</summary>
    public static string Resume(string job) => $"v1/jobs/{job}/resume";

    /// <summary>An object: a job's last or best global model.</summary>
    public static string Model(string job, bool best) => $"v1/jobs/{job}/models/{(best ? "best" : "last")}";

    /// <summary>An upload: a model that jobs start from, by its digest.</summary>
    public static string Initial(string digest) => $"v1/models/{digest.Replace(':', '-')}";
}

/// <summary>How these documents are written: camelCase, enums as words.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SignedJobDocument))]
[JsonSerializable(typeof(JobDocument))]
[JsonSerializable(typeof(IReadOnlyList<JobLineDocument>))]
[JsonSerializable(typeof(IReadOnlyList<EventDocument>))]
[JsonSerializable(typeof(IReadOnlyList<SiteDocument>))]
[JsonSerializable(typeof(PartyDocument))]
public sealed partial class JobJson : JsonSerializerContext;
