using System.Text.Json.Serialization;
using Tributary.Federation.Tasks;

namespace Tributary.Simulation.Experiments.Roles;

/// <summary>
/// What a process of an experiment tells: a line on its stdout, as JSON. Moments are timestamps of the machine's monotonic clock
/// (<see cref="TimeProvider.GetTimestamp"/> of the system's), which all processes of a machine share.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(RoleReady), "ready")]
[JsonDerivedType(typeof(RoleBegan), "began")]
[JsonDerivedType(typeof(MessageOffered), "offered")]
[JsonDerivedType(typeof(SiteMoved), "moved")]
[JsonDerivedType(typeof(ModelRead), "read")]
[JsonDerivedType(typeof(ResultArrived), "result")]
[JsonDerivedType(typeof(MergeBegan), "merging")]
[JsonDerivedType(typeof(ModelMerged), "merged")]
[JsonDerivedType(typeof(JobDone), "done")]
[JsonDerivedType(typeof(BytesWritten), "written")]
[JsonDerivedType(typeof(RoleEnded), "ended")]
public abstract record RoleEvent;

/// <summary>The process is up, and waits for the word to begin where its role has one.</summary>
/// <param name="Address">Where it listens, if it does.</param>
public sealed record RoleReady(Uri? Address) : RoleEvent;

/// <summary>The work begins: the server's job, the sender's first byte.</summary>
public sealed record RoleBegan(long At) : RoleEvent;

/// <summary>The server: a step's message may be fetched.</summary>
/// <param name="Round">The round.</param>
/// <param name="Bytes">The message's length in bytes.</param>
/// <param name="At">When.</param>
public sealed record MessageOffered(int Round, long Bytes, long At) : RoleEvent;

/// <summary>The server: how far a site says it has come.</summary>
/// <param name="Round">The round.</param>
/// <param name="Site">The site.</param>
/// <param name="Phase">What it is doing.</param>
/// <param name="Done">Bytes of this phase.</param>
/// <param name="Total">Bytes of this phase in all; 0 while unknown.</param>
public sealed record SiteMoved(int Round, string Site, TaskPhase Phase, long Done, long Total) : RoleEvent;

/// <summary>A site: the model was received and used.</summary>
/// <param name="Round">The round.</param>
/// <param name="VerifiedAt">When the executor was called: the message is there and verified.</param>
/// <param name="ReadAt">When it had done with the model what it does before it sends a result, see <see cref="ModelUse"/>.</param>
public sealed record ModelRead(int Round, long VerifiedAt, long ReadAt) : RoleEvent;

/// <summary>The server: a site's result is durable and counts.</summary>
/// <param name="Round">The round.</param>
/// <param name="Site">The site.</param>
/// <param name="Bytes">The length of its message in bytes; 0 where it returned none.</param>
/// <param name="At">When.</param>
public sealed record ResultArrived(int Round, string Site, long Bytes, long At) : RoleEvent;

/// <summary>The server begins to make a round's new global model.</summary>
/// <param name="Round">The round.</param>
/// <param name="At">When.</param>
/// <param name="DiskReadBytes">What had been fetched from the disk for it until then, because it was not in the page cache.</param>
public sealed record MergeBegan(int Round, long At, long DiskReadBytes) : RoleEvent;

/// <summary>The server: a round's new global model is durable.</summary>
/// <param name="Round">The round.</param>
/// <param name="At">When.</param>
/// <param name="DiskReadBytes">As for <see cref="MergeBegan"/>.</param>
public sealed record ModelMerged(int Round, long At, long DiskReadBytes) : RoleEvent;

/// <summary>The server: the job has ended well.</summary>
/// <param name="At">When.</param>
/// <param name="Model">The last global model's file; null where none was made.</param>
/// <param name="Results">The results that counted.</param>
/// <param name="EncodeSeconds">How long writing each round's message took, while parts of it went out already; 0 for one that was sent from where it lies.</param>
public sealed record JobDone(long At, string? Model, IReadOnlyList<ResultDigest> Results, IReadOnlyList<double> EncodeSeconds) : RoleEvent;

/// <summary>A result that counted.</summary>
/// <param name="Round">The round.</param>
/// <param name="Site">The site.</param>
/// <param name="Digest">The digest of its message; null where it returned none.</param>
public sealed record ResultDigest(int Round, string Site, string? Digest);

/// <summary>The floor's receiver: all bytes are on the disk.</summary>
public sealed record BytesWritten(long At) : RoleEvent;

/// <summary>The process is about to end, as it was told to.</summary>
/// <param name="PeakBytes">Its peak resident set in bytes.</param>
public sealed record RoleEnded(long PeakBytes) : RoleEvent;
