using System.Text.Json;

namespace Tributary.Tensors.Safetensors;

/// <summary>Reads the JSON of a header token by token, so that what a lenient parser would forgive (a name twice) is found.</summary>
internal ref struct SafetensorsHeaderParser(ReadOnlySpan<byte> json)
{
    private const string MetadataKey = "__metadata__";

    private Utf8JsonReader _reader = new(json);

    public (List<(TensorSpec Spec, long Begin, long End)> Tensors, Dictionary<string, string> Metadata) Parse()
    {
        var tensors = new List<(TensorSpec, long, long)>();
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var names = new HashSet<string>(StringComparer.Ordinal);
        Expect(JsonTokenType.StartObject, "the header");
        while (NextProperty(out string name))
        {
            if (!names.Add(name))
            {
                throw new TensorFormatException($"'{name}' stands twice in the header");
            }

            if (name == MetadataKey)
            {
                ParseMetadata(metadata);
            }
            else
            {
                tensors.Add(ParseTensor(name));
            }
        }

        return _reader.Read() ? throw new TensorFormatException("something follows the header's JSON object") : (tensors, metadata);
    }

    private void ParseMetadata(Dictionary<string, string> metadata)
    {
        Expect(JsonTokenType.StartObject, MetadataKey);
        while (NextProperty(out string key))
        {
            Expect(JsonTokenType.String, $"{MetadataKey}.{key}");
            if (!metadata.TryAdd(key, _reader.GetString()!))
            {
                throw new TensorFormatException($"'{key}' stands twice in {MetadataKey}");
            }
        }
    }

    private (TensorSpec Spec, long Begin, long End) ParseTensor(string name)
    {
        DType? dtype = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        Expect(JsonTokenType.StartObject, $"tensor '{name}'");
        while (NextProperty(out string key))
        {
            bool twice = key switch { "dtype" => dtype is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false };
            if (twice)
            {
                throw new TensorFormatException($"tensor '{name}' has '{key}' twice");
            }

            switch (key)
            {
                case "dtype":
                    dtype = ParseDType(name);
                    break;
                case "shape":
                    shape = ParseNumbers(name, key);
                    break;
                case "data_offsets":
                    offsets = ParseNumbers(name, key);
                    break;
                default:
                    throw new TensorFormatException($"tensor '{name}' has an unknown key '{key}'");
            }
        }

        return Check(name, dtype, shape, offsets);
    }

    private static (TensorSpec Spec, long Begin, long End) Check(string name, DType? dtype, List<long>? shape, List<long>? offsets)
    {
        if (dtype is null || shape is null || offsets is not [long begin, long end])
        {
            throw new TensorFormatException($"tensor '{name}' needs dtype, shape and data_offsets of two numbers");
        }

        if (begin < 0 || end < begin)
        {
            throw new TensorFormatException($"tensor '{name}' has data_offsets [{begin}, {end}]");
        }

        TensorSpec spec;
        try
        {
            spec = new TensorSpec(name, dtype.Value, new TensorShape([.. shape]));
        }
        catch (TensorFormatException e)
        {
            throw new TensorFormatException($"tensor '{name}': {e.Message}", e);
        }

        // Divided, not multiplied: the product may overflow.
        int size = dtype.Value.Size();
        if ((end - begin) % size != 0 || (end - begin) / size != spec.ElementCount)
        {
            throw new TensorFormatException(
                $"tensor '{name}': {dtype.Value.Name()}{spec.Shape} is {spec.ElementCount} times {size} bytes, but its data_offsets span {end - begin}");
        }

        return (spec, begin, end);
    }

    private DType ParseDType(string name)
    {
        Expect(JsonTokenType.String, $"dtype of tensor '{name}'");
        string text = _reader.GetString()!;
        return DTypes.TryParse(text, out DType dtype) ? dtype : throw new TensorFormatException($"tensor '{name}' has the unknown dtype '{text}'");
    }

    private List<long> ParseNumbers(string name, string key)
    {
        var numbers = new List<long>();
        Expect(JsonTokenType.StartArray, $"{key} of tensor '{name}'");
        while (Read() != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out long number) || number < 0)
            {
                throw new TensorFormatException($"{key} of tensor '{name}' holds something that is not a whole number from 0 to 2^63 - 1");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    private bool NextProperty(out string name)
    {
        bool found = Read() == JsonTokenType.PropertyName;
        name = found ? _reader.GetString()! : string.Empty;
        return found;
    }

    private void Expect(JsonTokenType type, string what)
    {
        if (Read() != type)
        {
            throw new TensorFormatException($"{what} should be a JSON {(type == JsonTokenType.StartObject ? "object" : type == JsonTokenType.StartArray ? "array" : "string")}");
        }
    }

    private JsonTokenType Read() => _reader.Read() ? _reader.TokenType : throw new TensorFormatException("the header's JSON ends too early");
}
