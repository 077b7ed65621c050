using Tributary.Federation.Wire;

namespace Tributary.Server.Storage;

/// <summary>What happened to submitted jobs, in words, numbered without gaps; it stays until the job is deleted.</summary>
internal sealed class EventLog
{
    // One answer's worth; who wants more asks again.
    private const int AtOnceMax = 1000;

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS events (
            job TEXT NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, round INTEGER, site TEXT, text TEXT NOT NULL,
            PRIMARY KEY (job, number)) STRICT;
        """;

    private readonly Database _database;
    private readonly TimeProvider _time;
    private readonly Signal _added = new();

    public EventLog(Database database, TimeProvider time)
    {
        _database = database;
        _time = time;
        database.Execute(Schema);
    }

    /// <summary>Ends when the next event is there, of whichever job.</summary>
    public Task Added => _added.Next;

    public void Add(string job, string kind, string text, int? round = null, string? site = null)
    {
        _database.Execute(
            "INSERT INTO events SELECT $job, COALESCE(MAX(number), 0) + 1, $now, $kind, $round, $site, $text FROM events WHERE job = $job",
            ("$job", job), ("$now", _time.GetUtcNow().ToUnixTimeMilliseconds()), ("$kind", kind), ("$round", round), ("$site", site), ("$text", text));
        _added.Set();
    }

    /// <summary>A job's events after a number, in order.</summary>
    public IReadOnlyList<EventDocument> After(string job, long number) => _database.Query(
        $"SELECT number, time, kind, round, site, text FROM events WHERE job = $job AND number > $after ORDER BY number LIMIT {AtOnceMax}",
        row => new EventDocument(
            row.GetInt64(0), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)), row.GetString(2), row.IsDBNull(3) ? null : row.GetInt32(3),
            row.IsDBNull(4) ? null : row.GetString(4), row.GetString(5)),
        ("$job", job), ("$after", number));
}
