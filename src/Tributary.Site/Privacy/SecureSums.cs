using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;

namespace Tributary.Site.Privacy;

/// <summary>
/// This site's part in the secure sums of its jobs, a round at a time: the tasks around the training. Secrets are in memory alone, so a site whose process ended has dropped out of the round. That a round was
/// unmasked is on the disk before anyone is told its shares: it has no second sum, whose difference would be a single site's change.
/// </summary>
/// <param name="folder">Where it says which rounds were unmasked.</param>
/// <param name="site">The site's name.</param>
/// <param name="sign">Signs as this site.</param>
/// <param name="verify">Checks others' signatures.</param>
internal sealed class SecureSums(string folder, string site, SignStatement sign, VerifyStatement verify) : IDisposable
{
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <summary>The ring of a round's results, as the signed job and the server's note give it.</summary>
    /// <exception cref="TaskFailedException">The note is missing, or there is no such ring.</exception>
    public static RingGrid GridOf(Job job, string? note, long dimension)
    {
        try
        {
            return job.AddsNoiseAtSites
                ? RingNoise.Of(job, dimension).Grid
                : new RingGrid(Read(note, AggregationJson.Default.RoundNote, "the round's ring").Range, job.Precision.Ring!.Bits, RoundPrivacy.SitesOf(job));
        }
        catch (ArgumentException e)
        {
            throw new TaskFailedException($"the round's ring: {e.Message}", e);
        }
    }

    /// <summary>The round that a task's training belongs to.</summary>
    /// <exception cref="TaskFailedException">This site has no part in it.</exception>
    public Session Of(TaskDocument task) => _sessions.GetValueOrDefault(task.Job.Name) is { } session && IsOf(session, task)
        ? session
        : throw new TaskFailedException($"secure aggregation: this site has no keys of round {task.Round}, as after it was started again, so it has dropped out of this round; it has a part in the next");

    /// <summary>This site's keys of a round; the same again for the same model.</summary>
    /// <param name="task">The task.</param>
    /// <param name="model">The global model that it holds; this keeps it open and disposes of it.</param>
    /// <param name="dimension">The number of elements that are trained.</param>
    /// <param name="metrics">What fetching that model came to.</param>
    /// <exception cref="TaskFailedException">The round, or a later one, has been unmasked already, or the server's numbers are none.</exception>
    public string Keys(TaskDocument task, HeldWeights model, long dimension, IReadOnlyDictionary<string, double> metrics)
    {
        RingGrid grid = GridOf(task.Job, task.Note, dimension);
        if (_sessions.GetValueOrDefault(task.Job.Name) is { } session && IsOf(session, task) && session.Model.Content == model.Content && session.Grid == grid)
        {
            model.Dispose();
            return Text(session.Site.Keys, AggregationJson.Default.KeyAdvertisement);
        }

        if (Unmasked(task) is { } unmasked && task.Round <= unmasked)
        {
            throw new TaskFailedException($"secure aggregation: this site has given its shares for the sum of round {unmasked}; of round {task.Round} there is no other sum, since their difference would be a single site's change. Begin a job of another name");
        }

        return Guard(() =>
        {
            var round = new AggregationRound(NameOf(task), task.Round, model.Content, SiteDraw.Of(task.Job, task.Round), grid, task.Job.SecureAggregation!.MinCohort);
            var begun = new Session(NameOf(task), task.Round, model, grid, new MaskingSite(round, site, sign, verify), metrics);
            if (_sessions.Remove(task.Job.Name, out Session? before))
            {
                before.Dispose();
            }

            _sessions[task.Job.Name] = begun;
            return Text(begun.Site.Keys, AggregationJson.Default.KeyAdvertisement);
        });
    }

    /// <summary>This site's message of a later stage; the same again where the task is handed out again.</summary>
    /// <exception cref="TaskFailedException">This site has no part in the round, or refuses what the server asks.</exception>
    public string Answer(TaskDocument task) => Guard(() =>
    {
        Session session = Of(task);
        if (!session.Answers.TryGetValue(task.Name, out string? answer))
        {
            answer = task.Name switch
            {
                AggregationTasks.Shares => Text(session.Site.Share(Read(task.Note, AggregationJson.Default.IReadOnlyListKeyAdvertisement, "the sites' keys")), AggregationJson.Default.SharedSecrets),
                AggregationTasks.Survivors => Text(session.Site.Sign(Read(task.Note, AggregationJson.Default.IReadOnlyListString, "the survivors")), AggregationJson.Default.SurvivorSignature),
                AggregationTasks.Unmasking => Text(session.Site.Unmask(Read(task.Note, AggregationJson.Default.UnmaskingRequest, "the unmasking")), AggregationJson.Default.UnmaskingAnswer),
                _ => throw new TaskFailedException($"secure aggregation has no stage '{task.Name}'"),
            };
            if (task.Name == AggregationTasks.Unmasking)
            {
                Directory.CreateDirectory(folder);
                DurableFile.WriteText(UnmaskedPath(task), task.Round.ToString(CultureInfo.InvariantCulture));
            }

            session.Answers.Add(task.Name, answer);
        }

        return answer;
    });

    /// <summary>Takes the others' shares, with which the site's masks are known; once.</summary>
    /// <exception cref="TaskFailedException">They are not what they should be.</exception>
    public Session Receive(TaskDocument task) => Guard(() =>
    {
        Session session = Of(task);
        if (!session.HasReceived)
        {
            session.Site.Receive(Read(task.Note, AggregationJson.Default.ReceivedShares, "the others' shares"));
            session.HasReceived = true;
        }

        return session;
    });

    /// <summary>Forgets all secrets.</summary>
    public void Dispose()
    {
        foreach (Session session in _sessions.Values)
        {
            session.Dispose();
        }
    }

    private static bool IsOf(Session session, TaskDocument task) => session.Round == task.Round && session.Name == NameOf(task);

    /// <summary>The last round of a job that was unmasked here; null where none was.</summary>
    private int? Unmasked(TaskDocument task) => File.Exists(UnmaskedPath(task)) ? int.Parse(File.ReadAllText(UnmaskedPath(task)), CultureInfo.InvariantCulture) : null;

    private string UnmaskedPath(TaskDocument task) => Path.Combine(folder, $"{task.Job.Name}-{task.StatementDigest()}.unmasked");

    /// <summary>What keys and signatures are bound to of a job: what was signed, where it was, and the attempt at the round.</summary>
    private static string NameOf(TaskDocument task) => AggregationTasks.NameOf(task.Job, task.Signed, AggregationTasks.AttemptOf(task.Step));

    private static string Text<T>(T message, JsonTypeInfo<T> type) => JsonSerializer.Serialize(message, type);

    private static T Read<T>(string? note, JsonTypeInfo<T> type, string what)
    {
        try
        {
            return JsonSerializer.Deserialize(note ?? "null", type) ?? throw new JsonException("there is none");
        }
        catch (JsonException e)
        {
            throw new TaskFailedException($"secure aggregation: {what} that the server sent cannot be read: {e.Message}", e);
        }
    }

    private static T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is SecureAggregationException or ArgumentException)
        {
            throw new TaskFailedException($"secure aggregation: {e.Message}", e);
        }
    }

    /// <summary>A round that this site has a part in.</summary>
    internal sealed record Session(string Name, int Round, HeldWeights Model, RingGrid Grid, MaskingSite Site, IReadOnlyDictionary<string, double> Metrics) : IDisposable
    {
        /// <summary>What tells these masks from others: the public half of their key, in hex.</summary>
        public string Masks => Convert.ToHexStringLower(Site.Keys.MaskKey);

        /// <summary>Forgets the secrets, and lets go of the model.</summary>
        public void Dispose()
        {
            Site.Dispose();
            Model.Dispose();
        }

        /// <summary>Whether it has the others' shares.</summary>
        public bool HasReceived { get; set; }

        /// <summary>What was answered, by the task's name.</summary>
        public Dictionary<string, string> Answers { get; } = new(StringComparer.Ordinal);
    }
}
