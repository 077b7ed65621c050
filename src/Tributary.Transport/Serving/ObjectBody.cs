using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>Sends bytes of an object's file as the body of a response, in constant memory.</summary>
internal static class ObjectBody
{
    /// <summary>
    /// Sends [from, to). Before the last bytes of each part go out the file is looked at, and where the whole part was read for the first
    /// time its digest is compared; so nobody receives a part of a changed file as if it were right.
    /// </summary>
    /// <exception cref="ObjectFileChangedException">The file is not what was recorded.</exception>
    public static async Task SendAsync(
        ObjectFile file, SafeFileHandle handle, long from, long to, PipeWriter body, Action<int> moved, CancellationToken cancellationToken)
    {
        PartLayout layout = file.Descriptor.Layout;
        while (from < to)
        {
            int part = (int)(from / layout.PartBytes);
            long end = Math.Min(to, layout.OffsetOf(part) + layout.BytesOf(part));
            bool whole = from == layout.OffsetOf(part) && end - from == layout.BytesOf(part);
            using IncrementalHash? hash = whole && !file.IsProven(part) ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
            while (from < end)
            {
                int count = (int)Math.Min(PartHashing.StepBytes, end - from);
                Read(file, handle, from, body.GetMemory(count).Span[..count], hash);
                from += count;
                if (from == end)
                {
                    file.CheckUnchanged(handle);
                    if (hash is not null)
                    {
                        file.Prove(part, Sha256Digest.Of(hash));
                    }
                }

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

    private static void Read(ObjectFile file, SafeFileHandle handle, long offset, Span<byte> destination, IncrementalHash? hash)
    {
        if (PartHashing.ReadFully(handle, offset, destination) < destination.Length)
        {
            throw file.Changed($"it ends before byte {offset + destination.Length}.");
        }

        hash?.AppendData(destination);
    }
}
