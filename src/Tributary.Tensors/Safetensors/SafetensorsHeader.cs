using System.Buffers.Binary;
using System.Text.Json;

namespace Tributary.Tensors.Safetensors;

/// <summary>
/// The header of a safetensors file: eight bytes of length, little endian, then a JSON object of tensors with their types, shapes
/// and byte ranges, and an optional map of strings. Source: the safetensors format, https://github.com/huggingface/safetensors.
/// </summary>
public sealed class SafetensorsHeader
{
    /// <summary>The longest header that is read or written, in bytes; the reference implementation's limit too.</summary>
    public const long BytesMax = 100_000_000;

    private readonly long[] _offsets;

    private SafetensorsHeader(IReadOnlyList<TensorSpec> tensors, long[] offsets, IReadOnlyDictionary<string, string> metadata, byte[] bytes)
    {
        Tensors = tensors;
        _offsets = offsets;
        Metadata = metadata;
        Bytes = bytes;
    }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<TensorSpec> Tensors { get; }

    /// <summary>The strings under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The header as it stands at the start of the file, its length included.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The length of the whole file.</summary>
    public long FileLength => Bytes.Length + DataLength(Tensors.Count);

    /// <summary>Where a tensor's data begins, counted from the start of the file.</summary>
    public long Offset(int tensor) => Bytes.Length + _offsets[tensor];

    /// <summary>
    /// Lays out a file: tensors keep their order except that wider types come first, so that all stay aligned. The header is
    /// padded with spaces to a multiple of eight bytes.
    /// </summary>
    public static SafetensorsHeader Plan(IEnumerable<TensorSpec> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        TensorSpec[] ordered = [.. tensors.OrderByDescending(tensor => tensor.DType.Size())];
        metadata ??= new Dictionary<string, string>();
        long[] offsets = new long[ordered.Length];
        long end = 0;
        using var stream = new MemoryStream();
        stream.Write(stackalloc byte[sizeof(ulong)]);
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata);
            for (int i = 0; i < ordered.Length; i++)
            {
                offsets[i] = end;
                end = checked(end + (ordered[i].ElementCount * ordered[i].DType.Size()));
                WriteTensor(json, ordered[i], offsets[i], end);
            }

            json.WriteEndObject();
        }

        while (stream.Length % sizeof(ulong) != 0)
        {
            stream.WriteByte((byte)' ');
        }

        byte[] bytes = stream.ToArray();
        if (bytes.Length > BytesMax)
        {
            throw new TensorFormatException($"the header of {ordered.Length} tensors would take {bytes.Length} bytes; at most {BytesMax} are read anywhere");
        }

        BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length - sizeof(ulong));
        return new SafetensorsHeader(ordered, offsets, metadata, bytes);
    }

    /// <summary>Checks a header against the length of its file.</summary>
    /// <param name="bytes">The header with its eight bytes of length.</param>
    /// <param name="fileLength">The length of the file in bytes.</param>
    /// <param name="name">What to call the file in errors.</param>
    /// <exception cref="TensorFormatException">The header is not well-formed, or does not cover the file's data exactly.</exception>
    public static SafetensorsHeader Parse(ReadOnlyMemory<byte> bytes, long fileLength, string name)
    {
        try
        {
            (List<(TensorSpec Spec, long Begin, long End)> tensors, Dictionary<string, string> metadata) =
                new SafetensorsHeaderParser(bytes.Span[sizeof(ulong)..]).Parse();
            tensors.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
            CheckCoverage(tensors, fileLength - bytes.Length);
            return new SafetensorsHeader(
                [.. tensors.Select(tensor => tensor.Spec)], [.. tensors.Select(tensor => tensor.Begin)], metadata, bytes.ToArray());
        }
        catch (TensorFormatException e)
        {
            throw new TensorFormatException($"{name}: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException is what the JSON reader says of a string that is not valid UTF-8.
            throw new TensorFormatException($"{name}: the header is not valid JSON ({e.Message})", e);
        }
    }

    /// <summary>Checks the first eight bytes of a file and gives the length of the header with them.</summary>
    /// <exception cref="TensorFormatException">The header is longer than the file or than <see cref="BytesMax"/>.</exception>
    public static int ParseLength(ReadOnlySpan<byte> first, long fileLength, string name)
    {
        if (first.Length < sizeof(ulong))
        {
            throw new TensorFormatException($"{name}: {fileLength} bytes are too few for a safetensors file");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(first);
        if (length > BytesMax)
        {
            throw new TensorFormatException($"{name}: the header claims {length} bytes, more than the {BytesMax} allowed; is this a safetensors file?");
        }

        if ((long)length > fileLength - sizeof(ulong))
        {
            throw new TensorFormatException($"{name}: the header claims {length} bytes, but the file has {fileLength}; it may be cut short");
        }

        return (int)length + sizeof(ulong);
    }

    private static void CheckCoverage(List<(TensorSpec Spec, long Begin, long End)> tensors, long dataLength)
    {
        long end = 0;
        foreach ((TensorSpec spec, long begin, long tensorEnd) in tensors)
        {
            if (begin != end)
            {
                throw new TensorFormatException(
                    $"tensor '{spec.Name}' begins at {begin}, where the data before it ends at {end}: offsets must neither {(begin < end ? "overlap" : "leave gaps")}");
            }

            end = tensorEnd;
        }

        if (end != dataLength)
        {
            throw new TensorFormatException(end > dataLength
                ? $"the tensors take {end} bytes, but the file has only {dataLength} after its header; it is cut short"
                : $"the tensors take {end} bytes, but {dataLength} follow the header; the rest belongs to no tensor");
        }
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        if (metadata.Count == 0)
        {
            return;
        }

        json.WriteStartObject("__metadata__");
        foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, TensorSpec spec, long begin, long end)
    {
        json.WriteStartObject(spec.Name);
        json.WriteString("dtype", spec.DType.Name());
        json.WriteStartArray("shape");
        foreach (long dimension in spec.Shape)
        {
            json.WriteNumberValue(dimension);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private long DataLength(int tensors) =>
        tensors == 0 ? 0 : _offsets[tensors - 1] + (Tensors[tensors - 1].ElementCount * Tensors[tensors - 1].DType.Size());
}
