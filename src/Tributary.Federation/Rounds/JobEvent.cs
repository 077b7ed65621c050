using Tributary.Federation.Tasks;

namespace Tributary.Federation.Rounds;

/// <summary>Something that happened in a job, for people who watch.</summary>
public abstract record JobEvent(int Round);

/// <summary>The server begins to write a step's message, maybe while the model that it is made of is still being merged.</summary>
public sealed record StepEncoding(int Round, string Task) : JobEvent(Round);

/// <summary>A step's message is there and the sites may take it.</summary>
/// <param name="Round">The round.</param>
/// <param name="Task">The task's name.</param>
/// <param name="MessageBytes">The length of the message that each site will fetch.</param>
public sealed record StepOpened(int Round, string Task, long MessageBytes) : JobEvent(Round);

/// <summary>A site says how far it has come.</summary>
public sealed record SiteProgressed(int Round, string Site, TaskProgress Progress) : JobEvent(Round);

/// <summary>A site's result is durable.</summary>
/// <param name="Round">The round.</param>
/// <param name="Site">The site.</param>
/// <param name="BytesUp">The length of its message.</param>
/// <param name="Metrics">What it measured.</param>
public sealed record ResultCounted(int Round, string Site, long BytesUp, IReadOnlyDictionary<string, double> Metrics) : JobEvent(Round);

/// <summary>A site could not do its task, and tries it again.</summary>
/// <param name="Round">The round.</param>
/// <param name="Site">The site.</param>
/// <param name="Reason">Why it could not, in the site's words.</param>
public sealed record TaskRetried(int Round, string Site, string Reason) : JobEvent(Round);

/// <summary>Too few sites were left for a secure sum, which has told nothing, and it is begun again with new keys.</summary>
/// <param name="Round">The round.</param>
/// <param name="Reason">Why.</param>
public sealed record SumBegunAgain(int Round, string Reason) : JobEvent(Round);

/// <summary>A site cannot do its task, or may not: nothing more comes of it in this step.</summary>
/// <param name="Round">The round.</param>
/// <param name="Site">The site.</param>
/// <param name="Reason">Why, in the site's words.</param>
public sealed record TaskFailed(int Round, string Site, string Reason) : JobEvent(Round);

/// <summary>A step was closed without a site's result.</summary>
/// <param name="Round">The round.</param>
/// <param name="Part">The site, how its part ended and why.</param>
public sealed record SiteLeftOut(int Round, SitePart Part) : JobEvent(Round);

/// <summary>The server begins to merge the updates of a round.</summary>
public sealed record MergeStarted(int Round) : JobEvent(Round);

/// <summary>A round's global model is durable. The step that sends it was opened before.</summary>
public sealed record ModelSaved(int Round) : JobEvent(Round);

/// <summary>A global model's held-out loss is known.</summary>
/// <param name="Round">The round that made the model; 0 is the initial one.</param>
/// <param name="Loss">Nats per response token.</param>
public sealed record LossKnown(int Round, double Loss) : JobEvent(Round);

/// <summary>A round has spent of the job's privacy.</summary>
/// <param name="Round">The round.</param>
/// <param name="Epsilon">Epsilon so far, with this round.</param>
/// <param name="Delta">The delta of that statement.</param>
public sealed record PrivacySpent(int Round, double Epsilon, double Delta) : JobEvent(Round);

/// <summary>No round more is run, although the job has some left.</summary>
/// <param name="Round">The round that does not run.</param>
/// <param name="Reason">Why.</param>
public sealed record RoundsEnded(int Round, string Reason) : JobEvent(Round);
