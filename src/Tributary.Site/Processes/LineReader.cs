using System.Text;

namespace Tributary.Site.Processes;

/// <summary>Reads lines of UTF-8 in bounded memory, whoever writes them: of a longer line the beginning is given and the rest skipped.</summary>
internal sealed class LineReader(Stream stream, int bytesMax)
{
    private readonly byte[] _buffer = new byte[bytesMax];
    private int _start;
    private int _end;
    private bool _skips;

    /// <summary>The next line without its end; null at the end of the stream.</summary>
    public async ValueTask<string?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            int length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (length >= 0 || _end - _start == _buffer.Length)
            {
                string line = Take(length >= 0 ? length : _buffer.Length);
                _start += length >= 0 ? 1 : 0;
                bool wasSkipping = _skips;
                _skips = length < 0;
                if (!wasSkipping)
                {
                    return line;
                }

                continue;
            }

            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                return _end == 0 || _skips ? null : Take(_end);
            }

            _end += read;
        }
    }

    private string Take(int length)
    {
        string line = Encoding.UTF8.GetString(_buffer, _start, length);
        _start += length;
        return line.TrimEnd('\r');
    }
}
