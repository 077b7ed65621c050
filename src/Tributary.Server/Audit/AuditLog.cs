using System.Text;
using Microsoft.Extensions.Logging;
using Tributary.Transport;

namespace Tributary.Server.Audit;

/// <summary>The server's audit log, see <see cref="AuditChain"/>. An entry is on disk before whoever acted is answered. Safe for several threads.</summary>
internal sealed partial class AuditLog : IDisposable
{
    public const string FileName = "audit.jsonl";

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly FileStream _file;
    private long _number;
    private string _head;

    /// <summary>Opens the log, making it if it is not there. A line that was cut short when the machine stopped was never answered, and goes.</summary>
    /// <exception cref="IOException">It cannot be opened, or its last entry is not what was written.</exception>
    public AuditLog(string folder, TimeProvider time, ILogger logger)
    {
        _time = time;
        string path = Path.Combine(folder, FileName);
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            string? last = ReadLast(_file);
            if (last is not null && AuditChain.Read(last) is null)
            {
                throw new IOException($"{path}: its last entry was changed; see 'tributary audit verify {path}', move the file away and keep it, and the server begins a new one");
            }

            (_number, _head) = last is not null && AuditChain.Read(last) is var (entry, hash) ? (entry.Number, hash) : (0, AuditChain.Origin);
            LogHead(logger, _number, _head);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <exception cref="DiskFullException">There is no room for it; nothing of it is left.</exception>
    public void Add(string who, string what, string about, string? detail = null)
    {
        lock (_lock)
        {
            (string line, string hash) = AuditChain.Write(new AuditEntry(_number + 1, _time.GetUtcNow(), who, what, about, detail, _head));
            long end = _file.Length;
            try
            {
                _file.Position = end;
                _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
                _file.Flush(flushToDisk: true);
            }
            catch
            {
                _file.SetLength(end);
                throw;
            }

            (_number, _head) = (_number + 1, hash);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The last whole line; what follows it is cut off.</summary>
    private static string? ReadLast(FileStream file)
    {
        // Entries are short: names, digests and a reason.
        const int LineBytesMax = 1 << 20;
        byte[] tail = new byte[Math.Min(file.Length, LineBytesMax)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        int end = Array.LastIndexOf(tail, (byte)'\n');
        if (end < 0)
        {
            file.SetLength(file.Length - tail.Length);
            return null;
        }

        file.SetLength(file.Length - (tail.Length - end - 1));
        int begin = end == 0 ? 0 : Array.LastIndexOf(tail, (byte)'\n', end - 1) + 1;
        return Encoding.UTF8.GetString(tail, begin, end - begin);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "the audit log has {Entries} entries; the last one's hash is {Head}")]
    private static partial void LogHead(ILogger logger, long entries, string head);
}
