using System.Text.Json;
using Microsoft.Data.Sqlite;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Transport;

namespace Tributary.Server.Storage;

/// <summary>
/// What the server knows for good: jobs, the messages of their steps, the results that count, the models made of them. A row is
/// written after the file it speaks of is durable, and before anybody is told: the row is the commit. SQLite, one file.
/// </summary>
public sealed class Journal : IDisposable
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS jobs (job TEXT PRIMARY KEY, definition TEXT NOT NULL, started INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT) STRICT;
        CREATE TABLE IF NOT EXISTS steps (
            job TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, task TEXT NOT NULL,
            digest TEXT NOT NULL, meaning TEXT NOT NULL, length INTEGER NOT NULL, encode_seconds REAL NOT NULL,
            opened INTEGER NOT NULL, closed INTEGER, PRIMARY KEY (job, round, step)) STRICT;
        CREATE TABLE IF NOT EXISTS attempts (
            job TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, site TEXT NOT NULL, attempts INTEGER NOT NULL,
            PRIMARY KEY (job, round, step, site)) STRICT;
        CREATE TABLE IF NOT EXISTS results (
            job TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, site TEXT NOT NULL, attempt INTEGER NOT NULL,
            samples INTEGER NOT NULL, metrics TEXT NOT NULL, digest TEXT, meaning TEXT, received INTEGER NOT NULL,
            PRIMARY KEY (job, round, step, site)) STRICT;
        CREATE TABLE IF NOT EXISTS answers (
            job TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, site TEXT NOT NULL, answer TEXT NOT NULL,
            PRIMARY KEY (job, round, step, site)) STRICT;
        CREATE TABLE IF NOT EXISTS parts (
            job TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, site TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
            used_round INTEGER, used_step INTEGER, PRIMARY KEY (job, round, step, site)) STRICT;
        CREATE TABLE IF NOT EXISTS models (
            job TEXT NOT NULL, round INTEGER NOT NULL, saved INTEGER NOT NULL, merge_seconds REAL NOT NULL, loss REAL,
            PRIMARY KEY (job, round)) STRICT;
        CREATE TABLE IF NOT EXISTS probes (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
        """;

    private readonly TimeProvider _time;

    /// <summary>Opens the journal, making it if it is not there.</summary>
    /// <exception cref="DiskFullException">There is no room for it, here as in every member that writes.</exception>
    public Journal(string path, TimeProvider time)
    {
        _time = time;
        Database = new Database(path);
        try
        {
            Database.Execute(Schema);
        }
        catch
        {
            Database.Dispose();
            throw;
        }
    }

    /// <summary>The file that it is in, with the other records of the server.</summary>
    internal Database Database { get; }

    /// <inheritdoc/>
    public void Dispose() => Database.Dispose();

    /// <summary>Writes something, durably, to see whether that can be done.</summary>
    public void Probe() => Database.Execute("INSERT OR REPLACE INTO probes VALUES (1, $now)", ("$now", Now()));

    /// <summary>Notes a job, or finds it as it was noted before.</summary>
    /// <exception cref="InvalidOperationException">A job of that name is another job.</exception>
    public void AddJob(Job job)
    {
        string definition = JsonSerializer.Serialize(job, WireJson.Default.Job);
        Execute("INSERT OR IGNORE INTO jobs VALUES ($job, $definition, $now, 'running', NULL)", ("$job", job.Name), ("$definition", definition), ("$now", Now()));
        string noted = Query("SELECT definition FROM jobs WHERE job = $job", row => row.GetString(0), ("$job", job.Name)).Single();
        if (noted != definition)
        {
            throw new InvalidOperationException($"a job named '{job.Name}' with other settings is in this folder already; give this one another name or folder");
        }

        Execute("UPDATE jobs SET state = 'running', reason = NULL WHERE job = $job", ("$job", job.Name));
    }

    /// <summary>Notes how a job ended.</summary>
    public void EndJob(string job, string? failure) => Execute(
        "UPDATE jobs SET state = $state, reason = $reason WHERE job = $job", ("$job", job), ("$state", failure is null ? "finished" : "failed"), ("$reason", failure));

    /// <summary>Notes a step whose message is durable.</summary>
    public void OpenStep(string job, StepRow step) => Execute(
        "INSERT INTO steps VALUES ($job, $round, $step, $task, $digest, $meaning, $length, $seconds, $opened, NULL)",
        ("$job", job), ("$round", step.Round), ("$step", step.Step), ("$task", step.Task), ("$digest", step.Digest),
        ("$meaning", JsonSerializer.Serialize(step.Meaning, WireJson.Default.MessageMeaning)), ("$length", step.Length), ("$seconds", step.EncodeSeconds), ("$opened", step.Opened.ToUnixTimeMilliseconds()));

    /// <summary>Notes that a step is closed, and how sites' parts ended, in it or in earlier steps: its results are the parts that count for it.</summary>
    public void CloseStep(string job, int round, int step, IReadOnlyList<PartRow> parts)
    {
        Database.Together(() =>
        {
            AddParts(job, parts);
            Execute(
                "UPDATE steps SET closed = $now WHERE job = $job AND round = $round AND step = $step AND closed IS NULL",
                ("$job", job), ("$round", round), ("$step", step), ("$now", Now()));
        });
    }

    /// <summary>Notes how sites' parts ended. What was noted of a part stays.</summary>
    public void AddParts(string job, IReadOnlyList<PartRow> parts)
    {
        foreach (PartRow part in parts)
        {
            Execute(
                "INSERT OR IGNORE INTO parts VALUES ($job, $round, $step, $site, $state, $reason, $used_round, $used_step)",
                ("$job", job), ("$round", part.Round), ("$step", part.Step), ("$site", part.Site), ("$state", part.State.ToString()), ("$reason", part.Reason),
                ("$used_round", part.UsedRound), ("$used_step", part.UsedStep));
        }
    }

    /// <summary>How sites' parts in a job's steps ended, by round, step and site.</summary>
    public IReadOnlyList<PartRow> Parts(string job) => Query(
        "SELECT round, step, site, state, reason, used_round, used_step FROM parts WHERE job = $job ORDER BY round, step, site",
        row => new PartRow(
            row.GetInt32(0), row.GetInt32(1), row.GetString(2), Enum.Parse<SiteState>(row.GetString(3)), row.IsDBNull(4) ? null : row.GetString(4),
            row.IsDBNull(5) ? null : row.GetInt32(5), row.IsDBNull(6) ? null : row.GetInt32(6)),
        ("$job", job));

    /// <summary>Whether a step waits for results, as far as is known for good: also while the server has not gone on with its job yet.</summary>
    public bool IsStepOpen(string job, int round, int step) => Query(
        "SELECT 1 FROM steps JOIN jobs USING (job) WHERE job = $job AND round = $round AND step = $step AND closed IS NULL AND state = 'running'",
        row => row.GetInt32(0), ("$job", job), ("$round", round), ("$step", step)).Count > 0;

    /// <summary>The steps of a job, in order.</summary>
    public IReadOnlyList<StepRow> Steps(string job) => Query(
        "SELECT round, step, task, digest, meaning, length, encode_seconds, opened, closed FROM steps WHERE job = $job ORDER BY round, step",
        row => new StepRow(
            row.GetInt32(0), row.GetInt32(1), row.GetString(2), row.GetString(3), JsonSerializer.Deserialize(row.GetString(4), WireJson.Default.MessageMeaning)!,
            row.GetInt64(5), row.GetDouble(6), Time(row, 7), row.IsDBNull(8) ? null : Time(row, 8)),
        ("$job", job));

    /// <summary>Notes that a step's task is handed to a site once more; gives how often it was, with this time.</summary>
    public int AddAttempt(string job, int round, int step, string site) => Query(
        "INSERT INTO attempts VALUES ($job, $round, $step, $site, 1) ON CONFLICT DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
        row => row.GetInt32(0), ("$job", job), ("$round", round), ("$step", step), ("$site", site)).Single();

    /// <summary>How often a step's task was handed to a site.</summary>
    public int Attempts(string job, int round, int step, string site) => Query(
        "SELECT attempts FROM attempts WHERE job = $job AND round = $round AND step = $step AND site = $site",
        row => row.GetInt32(0), ("$job", job), ("$round", round), ("$step", step), ("$site", site)).SingleOrDefault();

    /// <summary>
    /// Notes a result that is durable. The first one of a site in a step counts; a later one changes nothing.
    /// </summary>
    /// <returns>Whether this one is the one that counts.</returns>
    public bool AddResult(string job, ResultRow result)
    {
        bool isFirst = false;
        Database.Together(() =>
        {
            isFirst = Execute(
                "INSERT OR IGNORE INTO results VALUES ($job, $round, $step, $site, $attempt, $samples, $metrics, $digest, $meaning, $now)",
                ("$job", job), ("$round", result.Round), ("$step", result.Step), ("$site", result.Site), ("$attempt", result.Attempt), ("$samples", result.Samples),
                ("$metrics", JsonSerializer.Serialize(result.Metrics, WireJson.Default.IReadOnlyDictionaryStringDouble)), ("$digest", result.Digest),
                ("$meaning", result.Meaning is null ? null : JsonSerializer.Serialize(result.Meaning, WireJson.Default.MessageMeaning)), ("$now", Now())) == 1;
            if (isFirst && result.Answer is not null)
            {
                Execute(
                    "INSERT INTO answers VALUES ($job, $round, $step, $site, $answer)",
                    ("$job", job), ("$round", result.Round), ("$step", result.Step), ("$site", result.Site), ("$answer", result.Answer));
            }
        });
        return isFirst;
    }

    /// <summary>
    /// The digest of the last message of a site in a job that counts as a result, or of which nothing has been decided yet; null where there is none. One that was refused, or came too late, is none: what it carried was
    /// not added, so the site must not keep only what its precision lost of it.
    /// </summary>
    public string? LastResult(string job, string site) => Query(
        $"SELECT digest FROM results LEFT JOIN parts USING (job, round, step, site) WHERE job = $job AND site = $site AND digest IS NOT NULL AND (state IS NULL OR state = '{SiteState.Counted}') ORDER BY round DESC, step DESC LIMIT 1",
        row => row.GetString(0), ("$job", job), ("$site", site)).SingleOrDefault();

    /// <summary>The results of a job that are durable, whether they count or not, by round, step and site.</summary>
    public IReadOnlyList<ResultRow> Results(string job) => Query(
        $"SELECT {ResultColumns} FROM {AnsweredResults} WHERE job = $job ORDER BY round, step, site", ReadResult, ("$job", job));

    /// <summary>The results of a job that count for a step that is closed, by round, step and site.</summary>
    public IReadOnlyList<ResultRow> ResultsFor(string job, int round, int step) => Query(
        $"SELECT {ResultColumns} FROM {AnsweredResults} JOIN parts USING (job, round, step, site) WHERE job = $job AND used_round = $round AND used_step = $used ORDER BY round, step, site",
        ReadResult, ("$job", job), ("$round", round), ("$used", step));

    /// <summary>The results of a job that no step has used or refused yet, as they came.</summary>
    public IReadOnlyList<ResultRow> UnusedResults(string job) => Query(
        $"SELECT {ResultColumns} FROM {AnsweredResults} LEFT JOIN parts USING (job, round, step, site) WHERE job = $job AND state IS NULL ORDER BY results.rowid",
        ReadResult, ("$job", job));

    /// <summary>Notes a global model that is durable.</summary>
    public void AddModel(string job, int round, double mergeSeconds) => Execute(
        "INSERT OR IGNORE INTO models VALUES ($job, $round, $now, $seconds, NULL)", ("$job", job), ("$round", round), ("$now", Now()), ("$seconds", mergeSeconds));

    /// <summary>Notes a global model's held-out loss.</summary>
    public void SetLoss(string job, int round, double loss) =>
        Execute("UPDATE models SET loss = $loss WHERE job = $job AND round = $round", ("$job", job), ("$round", round), ("$loss", loss));

    /// <summary>The global models of a job, by round.</summary>
    public IReadOnlyList<ModelRow> Models(string job) => Query(
        "SELECT round, saved, merge_seconds, loss FROM models WHERE job = $job ORDER BY round",
        row => new ModelRow(row.GetInt32(0), Time(row, 1), row.GetDouble(2), row.IsDBNull(3) ? null : row.GetDouble(3)),
        ("$job", job));

    private const string ResultColumns = "round, step, site, attempt, samples, metrics, digest, meaning, answer";

    private const string AnsweredResults = "results LEFT JOIN answers USING (job, round, step, site)";

    private static ResultRow ReadResult(SqliteDataReader row) => new(
        row.GetInt32(0), row.GetInt32(1), row.GetString(2), row.GetInt32(3), row.GetInt64(4),
        JsonSerializer.Deserialize(row.GetString(5), WireJson.Default.IReadOnlyDictionaryStringDouble)!, row.IsDBNull(6) ? null : row.GetString(6),
        row.IsDBNull(7) ? null : JsonSerializer.Deserialize(row.GetString(7), WireJson.Default.MessageMeaning))
    {
        Answer = row.IsDBNull(8) ? null : row.GetString(8),
    };

    private static DateTimeOffset Time(SqliteDataReader row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    private int Execute(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters) => Database.Execute(sql, parameters);

    private List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> parameters) => Database.Query(sql, read, parameters);

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>A step whose message is durable.</summary>
public sealed record StepRow(
    int Round, int Step, string Task, string Digest, MessageMeaning Meaning, long Length, double EncodeSeconds, DateTimeOffset Opened, DateTimeOffset? Closed = null)
{
    /// <summary>The precision of a step's message in which there is no tensor: its sites hold the model already.</summary>
    public const string NoPrecision = "none";

    /// <summary>Whether it sent a model, or its change.</summary>
    public bool SendsModel => Meaning.Precision != NoPrecision;
}

/// <summary>How a site's part in a step ended, and the step whose model it went into, where it counts for one.</summary>
public sealed record PartRow(int Round, int Step, string Site, SiteState State, string? Reason, int? UsedRound = null, int? UsedStep = null);

/// <summary>A result that is durable.</summary>
public sealed record ResultRow(
    int Round, int Step, string Site, int Attempt, long Samples, IReadOnlyDictionary<string, double> Metrics, string? Digest, MessageMeaning? Meaning)
{
    /// <summary>What the site said beside the figures; null for nothing.</summary>
    public string? Answer { get; init; }
}

/// <summary>A global model that is durable; its loss is known once sites have measured it.</summary>
public sealed record ModelRow(int Round, DateTimeOffset Saved, double MergeSeconds, double? Loss);
