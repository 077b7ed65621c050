using System.IO.Pipelines;

namespace Tributary.Transport;

/// <summary>Sends bytes of an object as the body of a response, in constant memory.</summary>
internal static class ObjectBody
{
    /// <summary>
    /// Sends [from, to). Before the last bytes of each part go out the source is looked at, and a whole part that nobody has read before
    /// is checked on its way. So nobody receives a part of what was changed as if it were right.
    /// </summary>
    /// <exception cref="IOException">The bytes cannot be read, or are not what was recorded.</exception>
    public static async Task SendAsync(
        ServedObject served, long from, long to, PipeWriter body, Action<int> moved, CancellationToken cancellationToken)
    {
        PartLayout layout = served.Layout;
        while (from < to)
        {
            int part = (int)(from / layout.PartBytes);
            long end = Math.Min(to, layout.OffsetOf(part) + layout.BytesOf(part));
            await served.WaitForAsync(part, cancellationToken);
            bool whole = from == layout.OffsetOf(part) && end - from == layout.BytesOf(part);
            Crc64? running = whole && served.FindChecksum(part) is null ? new Crc64() : null;
            while (from < end)
            {
                int count = (int)Math.Min(PartReading.StepBytes, end - from);
                Read(served, from, body.GetMemory(count).Span[..count], running, isLast: from + count == end);
                from += count;
                body.Advance(count);
                FlushResult flushed = await body.FlushAsync(cancellationToken);
                moved(count);
                if (flushed.IsCompleted)
                {
                    return;
                }
            }
        }
    }

    private static void Read(ServedObject served, long offset, Span<byte> destination, Crc64? running, bool isLast)
    {
        try
        {
            served.Bytes.Read(offset, destination);
            running?.Append(destination);
            if (isLast)
            {
                served.Bytes.RequireUnchanged();
                if (running is not null)
                {
                    served.Learn((int)(offset / served.Layout.PartBytes), new PartChecksum(running.Value));
                }
            }
        }
        catch (IOException e)
        {
            served.Break(e);
            throw;
        }
    }
}
