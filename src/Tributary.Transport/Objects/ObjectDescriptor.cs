using System.Collections.Immutable;
using System.Text.Json;

namespace Tributary.Transport;

/// <summary>What there is to know of an object: its id, its length, how it is cut into parts and their checksums.</summary>
public sealed class ObjectDescriptor
{
    /// <summary>Describes an object and computes its digest.</summary>
    /// <exception cref="ArgumentException">The number of checksums is not the number of parts.</exception>
    public ObjectDescriptor(string id, PartLayout layout, ImmutableArray<PartChecksum> parts)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        Id = id;
        Layout = layout;
        Parts = parts;
        Digest = ObjectDigest.Compute(layout, parts.AsSpan());
    }

    /// <summary>The name that the object has from its creation, given by whoever keeps it.</summary>
    public string Id { get; }

    /// <summary>The length and how it is cut.</summary>
    public PartLayout Layout { get; }

    /// <summary>The checksum of every part, in order.</summary>
    public ImmutableArray<PartChecksum> Parts { get; }

    /// <summary>The object's digest, see <see cref="ObjectDigest"/>.</summary>
    public string Digest { get; }

    /// <summary>The object's length in bytes.</summary>
    public long Length => Layout.Length;

    /// <summary>Reads the descriptor document, and checks that its digest follows from its parts.</summary>
    /// <exception cref="InvalidDataException">It is no descriptor, or contradicts itself; the message says how.</exception>
    public static ObjectDescriptor FromJson(ReadOnlySpan<byte> json)
    {
        try
        {
            return (JsonSerializer.Deserialize(json, TransportJson.Default.DescriptorJson)
                ?? throw new InvalidDataException("The object's descriptor is null.")).ToDescriptor();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"The object's descriptor is not the JSON that is expected: {e.Message}", e);
        }
    }

    /// <summary>The descriptor document, as it is sent and as it may be kept.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(DescriptorJson.From(this), TransportJson.Default.DescriptorJson);
}
