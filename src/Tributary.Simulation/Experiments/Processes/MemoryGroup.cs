using System.Globalization;

namespace Tributary.Simulation.Experiments.Processes;

/// <summary>
/// A memory cgroup of Linux (version 1 or 2): the processes in it, and the page cache of the files that they read and write, share a
/// limit. Gone when it is disposed of, which its processes must be before.
/// </summary>
public sealed class MemoryGroup : IDisposable
{
    private const string Root = "/sys/fs/cgroup";
    private static int s_made;

    private readonly string _folder;
    private readonly Files _files;
    private readonly long _limitBytes;
    private long _hitsBefore;
    private long _killsBefore;

    private MemoryGroup(string folder, Files files, long limitBytes)
    {
        _folder = folder;
        _files = files;
        _limitBytes = limitBytes;
    }

    /// <summary>Makes an empty group of that limit in bytes.</summary>
    /// <exception cref="UsageException">The system has no memory cgroups, or they may not be made.</exception>
    public static MemoryGroup Create(long limitBytes)
    {
        string versionOne = Path.Combine(Root, "memory");
        (string root, Files files) = Directory.Exists(versionOne) ? (versionOne, Files.VersionOne) : (Root, Files.VersionTwo);
        string folder = Path.Combine(root, $"tributary-{Environment.ProcessId}-{Interlocked.Increment(ref s_made)}");
        MemoryGroup? group = null;
        try
        {
            if (!File.Exists(Path.Combine(root, "cgroup.procs")))
            {
                throw new IOException($"there is no {Path.Combine(root, "cgroup.procs")}");
            }

            Directory.CreateDirectory(folder);
            group = new MemoryGroup(folder, files, limitBytes);
            group.SetLimit();
            return group;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            group?.Dispose();
            throw new UsageException($"a memory limit needs a memory cgroup, and none can be made below {root} ({e.Message}); run as root where the memory controller is on, or without a limit", e);
        }
    }

    /// <summary>Puts a process into the group; what it has taken before stays where it was counted.</summary>
    public void Add(int processId) => Write("cgroup.procs", processId);

    /// <summary>Counts from here on, where the system lets a peak be set back (version 1).</summary>
    public void Restart()
    {
        if (_files.PeakCanBeSetBack)
        {
            Write(_files.Peak, 0);
        }

        _hitsBefore = Read(_files.Hits, _files.HitsKey);
        _killsBefore = Read(_files.Kills, "oom_kill");
    }

    /// <summary>What the group has used since <see cref="Restart"/>.</summary>
    public MemoryGroupUsage Usage() => new(
        _limitBytes, Read(_files.Peak, null), Read(_files.Hits, _files.HitsKey) - _hitsBefore, Read(_files.Kills, "oom_kill") - _killsBefore);

    /// <summary>Removes the group.</summary>
    public void Dispose() => Directory.Delete(_folder);

    private void SetLimit()
    {
        Write(_files.Limit, _limitBytes);
        if (File.Exists(Path.Combine(_folder, _files.Swap)))
        {
            // What the limit forbids should not go to a swap disk instead.
            Write(_files.Swap, 0);
        }
    }

    private void Write(string file, long value) => File.WriteAllText(Path.Combine(_folder, file), value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A figure that is a file's only one, or stands after a key at the begin of a line.</summary>
    private long Read(string file, string? key)
    {
        foreach (string line in File.ReadLines(Path.Combine(_folder, file)))
        {
            string[] words = line.Split(' ');
            if (key is null || words[0] == key)
            {
                return long.Parse(words[^1], CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }

    /// <summary>What the two versions call their files.</summary>
    private sealed record Files(string Limit, string Swap, string Peak, bool PeakCanBeSetBack, string Hits, string? HitsKey, string Kills)
    {
        public static Files VersionOne { get; } = new(
            "memory.limit_in_bytes", "memory.swappiness", "memory.max_usage_in_bytes", true, "memory.failcnt", null, "memory.oom_control");

        public static Files VersionTwo { get; } = new("memory.max", "memory.swap.max", "memory.peak", false, "memory.events", "max", "memory.events");
    }
}

/// <summary>What a memory group has used: its processes' memory and the page cache of their files.</summary>
/// <param name="LimitBytes">Its limit in bytes.</param>
/// <param name="PeakBytes">The most that it held at once, in bytes.</param>
/// <param name="Hits">How often it was full, so that page cache had to be given up, or a process waited.</param>
/// <param name="Kills">The processes that the system killed because nothing could be given up.</param>
public sealed record MemoryGroupUsage(long LimitBytes, long PeakBytes, long Hits, long Kills);
