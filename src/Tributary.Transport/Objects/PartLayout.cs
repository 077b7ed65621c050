namespace Tributary.Transport;

/// <summary>
/// How an object of some length is cut into parts: all of <see cref="PartBytes"/> bytes but the last, which is what remains.
/// An empty object has no parts.
/// </summary>
public sealed record PartLayout
{
    /// <summary>The usual size of a part: 8 MiB.</summary>
    public const int PartBytesDefault = 8 << 20;

    /// <summary>The smallest size of a part, in bytes.</summary>
    public const int PartBytesMin = 1 << 10;

    /// <summary>The largest size of a part, in bytes: 256 MiB.</summary>
    public const int PartBytesMax = 256 << 20;

    /// <summary>The most parts of one object. It bounds the documents that list them; at 8 MiB it allows 2 TiB.</summary>
    public const int PartCountMax = 1 << 18;

    /// <summary>Cuts <paramref name="length"/> bytes into parts.</summary>
    /// <exception cref="ArgumentException">The sizes are out of bounds; the message says which.</exception>
    public PartLayout(long length, int partBytes = PartBytesDefault)
    {
        if (Refuse(length, partBytes) is { } reason)
        {
            throw new ArgumentException(reason);
        }

        Length = length;
        PartBytes = partBytes;
        Count = (int)((length + partBytes - 1) / partBytes);
    }

    /// <summary>The object's length in bytes.</summary>
    public long Length { get; }

    /// <summary>The size of every part but the last, in bytes.</summary>
    public int PartBytes { get; }

    /// <summary>The number of parts.</summary>
    public int Count { get; }

    /// <summary>Says why these sizes cannot be used, or null where they can.</summary>
    public static string? Refuse(long length, long partBytes)
    {
        if (length < 0)
        {
            return $"The length of an object cannot be {length}.";
        }

        if (partBytes is < PartBytesMin or > PartBytesMax)
        {
            return $"A part has {PartBytesMin} to {PartBytesMax} bytes, not {partBytes}.";
        }

        return length > partBytes * PartCountMax
            ? $"{length} bytes in parts of {partBytes} are more than {PartCountMax} parts; choose larger parts."
            : null;
    }

    /// <summary>Where a part begins, in bytes from the beginning of the object.</summary>
    public long OffsetOf(int part)
    {
        CheckPart(part);
        return (long)part * PartBytes;
    }

    /// <summary>How many bytes a part has.</summary>
    public int BytesOf(int part)
    {
        CheckPart(part);
        return (int)Math.Min(PartBytes, Length - ((long)part * PartBytes));
    }

    private void CheckPart(int part)
    {
        if ((uint)part >= (uint)Count)
        {
            throw new ArgumentOutOfRangeException(nameof(part), part, $"The object has {Count} parts, counted from 0.");
        }
    }
}
