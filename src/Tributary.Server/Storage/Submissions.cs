using Microsoft.Data.Sqlite;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;

namespace Tributary.Server.Storage;

/// <summary>The jobs that were submitted, with their signed statements, and where each stands. A state only goes forward; resuming begins another run.</summary>
internal sealed class Submissions
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS submissions (
            job TEXT PRIMARY KEY, statement TEXT NOT NULL, signature TEXT NOT NULL, certificate TEXT NOT NULL, submitter TEXT NOT NULL,
            submitted INTEGER NOT NULL, run INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT, started INTEGER, ended INTEGER) STRICT;
        """;

    private const string Columns = "statement, signature, certificate, submitter, submitted, run, state, reason, started, ended";

    private readonly Database _database;
    private readonly TimeProvider _time;

    public Submissions(Database database, TimeProvider time)
    {
        _database = database;
        _time = time;
        database.Execute(Schema);
    }

    /// <summary>Notes a job; the one that is noted under its name, where there is one already.</summary>
    public Submission Add(string job, SignedJobDocument signed, string submitter, JobState state)
    {
        _database.Execute(
            "INSERT OR IGNORE INTO submissions VALUES ($job, $statement, $signature, $certificate, $submitter, $now, 1, $state, NULL, NULL, NULL)",
            ("$job", job), ("$statement", signed.Statement), ("$signature", signed.Signature), ("$certificate", signed.Certificate), ("$submitter", submitter),
            ("$now", Now()), ("$state", (int)state));
        return Find(job)!;
    }

    /// <summary>A job; null where there is none of that name.</summary>
    public Submission? Find(string job) => _database.Query($"SELECT {Columns} FROM submissions WHERE job = $job", Read, ("$job", job)).SingleOrDefault();

    /// <summary>All jobs, in the order in which they came.</summary>
    public IReadOnlyList<Submission> All() => _database.Query($"SELECT {Columns} FROM submissions ORDER BY submitted, job", Read);

    /// <summary>Moves a run of a job forward.</summary>
    /// <returns>False where it stands there already, or beyond, or another run has begun.</returns>
    public bool Advance(string job, int run, JobState to, string? reason)
    {
        long? started = to == JobState.Running ? Now() : null;
        long? ended = to >= JobState.Finished ? Now() : null;
        return _database.Execute(
            "UPDATE submissions SET state = $to, reason = $reason, started = COALESCE($started, started), ended = $ended WHERE job = $job AND run = $run AND state < $to AND state < $end",
            ("$job", job), ("$run", run), ("$to", (int)to), ("$reason", reason), ("$started", started), ("$ended", ended), ("$end", (int)JobState.Finished)) == 1;
    }

    /// <summary>Begins another run of a job that failed or was ended.</summary>
    /// <returns>False where it did neither.</returns>
    public bool Resume(string job) => _database.Execute(
        "UPDATE submissions SET state = $queued, run = run + 1, reason = NULL, started = NULL, ended = NULL WHERE job = $job AND state IN ($failed, $aborted)",
        ("$job", job), ("$queued", (int)JobState.Queued), ("$failed", (int)JobState.Failed), ("$aborted", (int)JobState.Aborted)) == 1;

    /// <summary>Forgets a job, and all that is recorded of it.</summary>
    public void Delete(string job) => _database.Together(() =>
    {
        foreach (string table in (string[])["parts", "results", "attempts", "steps", "models", "events", "jobs", "submissions"])
        {
            _database.Execute($"DELETE FROM {table} WHERE job = $job", ("$job", job));
        }
    });

    private static Submission Read(SqliteDataReader row) => new(
        JobStatement.Parse(row.GetString(0)), new SignedJobDocument(row.GetString(0), row.GetString(1), row.GetString(2)), row.GetString(3), Time(row, 4)!.Value, row.GetInt32(5),
        (JobState)row.GetInt32(6), row.IsDBNull(7) ? null : row.GetString(7), Time(row, 8), Time(row, 9));

    private static DateTimeOffset? Time(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>A job that was submitted.</summary>
internal sealed record Submission(
    JobStatement Statement, SignedJobDocument Signed, string Submitter, DateTimeOffset Submitted, int Run, JobState State, string? Reason, DateTimeOffset? Started, DateTimeOffset? Ended)
{
    public Job Job => Statement.Job;

    public string Name => Job.Name;

    public string Digest => JobStatement.DigestOf(Signed.Statement);

    public bool HasEnded => State >= JobState.Finished;
}
