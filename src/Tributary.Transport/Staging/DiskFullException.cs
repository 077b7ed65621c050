namespace Tributary.Transport;

/// <summary>A disk has too little room for a file. The message names folder, file and bytes.</summary>
public sealed class DiskFullException : IOException
{
    /// <summary>Makes the error.</summary>
    /// <param name="path">The final name of the file.</param>
    /// <param name="bytesNeeded">The length that it is to have; null where that is not known.</param>
    /// <param name="inner">What the system said; null where it was not asked.</param>
    public DiskFullException(string path, long? bytesNeeded, Exception? inner = null)
        : this(path, bytesNeeded, FullDisk.FreeAt(path), inner)
    {
    }

    private DiskFullException(string path, long? bytesNeeded, long? bytesFree, Exception? inner)
        : base(FullDisk.Describe(path, bytesNeeded, bytesFree), inner)
    {
        BytesNeeded = bytesNeeded;
        BytesFree = bytesFree;
    }

    /// <summary>The length that the file is to have; null where that is not known.</summary>
    public long? BytesNeeded { get; }

    /// <summary>The bytes that could still be written when it failed; null where that cannot be told.</summary>
    public long? BytesFree { get; }
}
