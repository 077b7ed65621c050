namespace Tributary.Transport;

/// <summary>The <c>type</c> of every problem document (RFC 9457) that the server half answers with.</summary>
public static class ProblemTypes
{
    /// <summary>There is no such object.</summary>
    public const string ObjectNotFound = Prefix + "object-not-found";

    /// <summary>The part is still being made. Ask again.</summary>
    public const string PartNotReady = Prefix + "part-not-ready";

    /// <summary>The object is not what it was when it was offered, or cannot be read any more.</summary>
    public const string ObjectChanged = Prefix + "object-changed";

    /// <summary>The range begins behind the object's end.</summary>
    public const string RangeNotSatisfiable = Prefix + "range-not-satisfiable";

    /// <summary>There is no such upload.</summary>
    public const string UploadNotFound = Prefix + "upload-not-found";

    /// <summary>The upload has been committed with other content.</summary>
    public const string UploadCommitted = Prefix + "upload-committed";

    /// <summary>The length is more than the server takes.</summary>
    public const string LengthOverLimit = Prefix + "length-over-limit";

    /// <summary>The body is not the JSON that is expected, or contradicts itself.</summary>
    public const string BadDocument = Prefix + "bad-document";

    /// <summary>The object has no part of that number.</summary>
    public const string PartOutOfRange = Prefix + "part-out-of-range";

    /// <summary>The request's length is not the part's.</summary>
    public const string PartLength = Prefix + "part-length";

    /// <summary>The Content-Digest field has no usable crc64nvme.</summary>
    public const string DigestMissing = Prefix + "digest-missing";

    /// <summary>The bytes that arrived are not those of Content-Digest. Send the part again.</summary>
    public const string PartDigestMismatch = Prefix + "part-digest-mismatch";

    /// <summary>The same part began to arrive again by another request, which goes before.</summary>
    public const string PartSuperseded = Prefix + "part-superseded";

    /// <summary>The commit came before all parts did.</summary>
    public const string PartsMissing = Prefix + "parts-missing";

    /// <summary>The commit lists other checksums than those of the parts that arrived.</summary>
    public const string PartsDiffer = Prefix + "parts-differ";

    /// <summary>The request made too little progress.</summary>
    public const string Stalled = Prefix + "stalled";

    /// <summary>The server's disk has no room for what is to be sent.</summary>
    public const string DiskFull = Prefix + "disk-full";

    private const string Prefix = "urn:tributary:";
}
