using System.IO.Pipelines;

namespace Tributary.Transport;

/// <summary>Sends bytes of an object as the body of a response, in constant memory.</summary>
internal static class ObjectBody
{
    /// <summary>
    /// Sends [from, to). A part is waited for and hashed, where nobody has hashed it before, before its first bytes go out; and before
    /// its last bytes do, the source is looked at. So nobody receives a part of what was changed as if it were right.
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
            await served.DigestAsync(part, cancellationToken);
            while (from < end)
            {
                int count = (int)Math.Min(PartHashing.StepBytes, end - from);
                Read(served, from, body.GetMemory(count).Span[..count], isLast: from + count == end);
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

    private static void Read(ServedObject served, long offset, Span<byte> destination, bool isLast)
    {
        try
        {
            served.Bytes.Read(offset, destination);
            if (isLast)
            {
                served.Bytes.RequireUnchanged();
            }
        }
        catch (IOException e)
        {
            served.Break(e);
            throw;
        }
    }
}
