using Microsoft.Data.Sqlite;
using Tributary.Server.Jobs;
using Tributary.Server.Storage;

namespace Tributary.Server.Health;

/// <summary>Whether a server can do its work: what it has to write down is really written, and the next models have room.</summary>
internal sealed class Readiness(ServerOptions options, Journal journal, Func<IEnumerable<JobRun>> running)
{
    // What a journal, certificates and a log need beside models.
    private const long FreeBytesMin = 64L << 20;

    /// <summary>What stands against it; nothing where the server is ready. Folders are not named: they concern nobody but whoever runs the server.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        try
        {
            journal.Probe();
        }
        catch (Exception e) when (e is SqliteException or IOException)
        {
            faults.Add($"the journal cannot be written ({(e is SqliteException ? e.Message : "the disk is full")})");
        }

        // A job writes its next global model beside the one it has.
        long needed = FreeBytesMin + running().Sum(run => run.ModelBytes);
        if (FullDisk.FreeAt(Path.Combine(options.Folder, "any")) is { } free && free < needed)
        {
            faults.Add($"the disk has {free} bytes free, and {needed} are needed for the next models");
        }

        return faults;
    }
}
