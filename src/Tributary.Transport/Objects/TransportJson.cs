using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Transport;

/// <summary>The descriptor document; also the body of a commit.</summary>
internal sealed record DescriptorJson(string Id, long Length, int PartBytes, string Digest, ImmutableArray<PartChecksum> Parts)
{
    public static DescriptorJson From(ObjectDescriptor descriptor) =>
        new(descriptor.Id, descriptor.Length, descriptor.Layout.PartBytes, descriptor.Digest, descriptor.Parts);

    /// <exception cref="InvalidDataException">The document contradicts itself.</exception>
    public ObjectDescriptor ToDescriptor()
    {
        if (PartLayout.Refuse(Length, PartBytes) is { } reason)
        {
            throw new InvalidDataException(reason);
        }

        if (Id.Length == 0)
        {
            throw new InvalidDataException("The object's id is empty.");
        }

        var layout = new PartLayout(Length, PartBytes);
        if (Parts.IsDefault || Parts.Length != layout.Count)
        {
            throw new InvalidDataException(
                $"{Length} bytes in parts of {PartBytes} are {layout.Count} parts, but {(Parts.IsDefault ? 0 : Parts.Length)} are listed.");
        }

        var descriptor = new ObjectDescriptor(Id, layout, Parts);
        return string.Equals(descriptor.Digest, Digest, StringComparison.Ordinal)
            ? descriptor
            : throw new InvalidDataException($"The digest is given as {Digest}, but follows as {descriptor.Digest} from the parts.");
    }
}

/// <summary>
/// An object that is offered, as its descriptor's address tells it. <paramref name="Digest"/> is null until it is committed, and so are
/// those of <paramref name="Parts"/> that nobody has asked for yet.
/// </summary>
internal sealed record ObjectStateJson(string Id, long Length, int PartBytes, string Tag, string? Digest, PartChecksum?[] Parts);

/// <summary>What is asked for when an upload is to begin.</summary>
internal sealed record LayoutJson(long Length, int PartBytes);

/// <summary>How far an upload has come. A part that is not there is null in <paramref name="Parts"/>.</summary>
internal sealed record UploadStateJson(
    string Id, long Length, int PartBytes, bool Committed, string? Digest, int[][] Missing, PartChecksum?[] Parts);

/// <summary>The members of a problem document (RFC 9457) that are used here.</summary>
internal sealed record ProblemJson(string? Type, string? Title, string? Detail);

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    Converters = [typeof(PartChecksumConverter)],
    NumberHandling = JsonNumberHandling.Strict,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(DescriptorJson))]
[JsonSerializable(typeof(ObjectStateJson))]
[JsonSerializable(typeof(LayoutJson))]
[JsonSerializable(typeof(UploadStateJson))]
[JsonSerializable(typeof(ProblemJson))]
internal sealed partial class TransportJson : JsonSerializerContext;

/// <summary>A checksum as a JSON string of 16 hexadecimal digits.</summary>
internal sealed class PartChecksumConverter : JsonConverter<PartChecksum>
{
    public override PartChecksum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && PartChecksum.TryParse(reader.GetString(), out PartChecksum checksum)
            ? checksum
            : throw new JsonException("A checksum is a string of 16 hexadecimal digits.");

    public override void Write(Utf8JsonWriter writer, PartChecksum value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
