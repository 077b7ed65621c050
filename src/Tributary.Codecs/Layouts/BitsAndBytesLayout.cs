using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Codecs.Layouts;

/// <summary>
/// Encoded tensors laid out as bitsandbytes' own: a view whose entries are all dense, several for each encoded tensor. Codes and
/// scales of a tensor are each in one run there, not tile by tile, so its scales are encoded a second time when they are read.
/// </summary>
public sealed class BitsAndBytesLayout : TensorSource
{
    private readonly TensorSource _encoded;
    private readonly List<Part> _parts = [];

    /// <summary>Makes the view.</summary>
    /// <exception cref="ArgumentException">A tensor is encoded in a precision that the layout does not hold.</exception>
    public BitsAndBytesLayout(TensorSource encoded)
    {
        _encoded = encoded;
        var entries = new List<TensorEntry>();
        for (int tensor = 0; tensor < encoded.Manifest.Count; tensor++)
        {
            TensorEntry entry = encoded.Manifest[tensor];
            foreach ((TensorSpec spec, Part part) in entry.Encoding is Codec codec ? Divide(tensor, entry.Spec, codec) : [(entry.Spec, new Part(tensor, PartKind.Dense, []))])
            {
                entries.Add(new TensorEntry(spec));
                _parts.Add(part);
            }
        }

        Manifest = new TensorManifest(entries);
    }

    private enum PartKind
    {
        Dense,
        Codes,
        Scales,
        Constant,
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <summary>Whether the layout holds a precision.</summary>
    public static bool Holds(Codec codec) => BitsAndBytesNames.LevelsByPrecision.ContainsKey(codec.Name);

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        Part part = _parts[tile.Tensor];
        long position = Manifest[tile.Tensor].TileOffset(tile.Index) + offset;
        switch (part.Kind)
        {
            case PartKind.Dense:
                _encoded.Read(tile with { Tensor = part.Tensor }, offset, destination);
                break;
            case PartKind.Constant:
                part.Constant.AsSpan((int)position, destination.Length).CopyTo(destination);
                break;
            default:
                ReadRun(part, position, destination);
                break;
        }
    }

    private static (TensorSpec Spec, Part Part)[] Divide(int tensor, TensorSpec spec, Codec codec)
    {
        if (!BitsAndBytesNames.LevelsByPrecision.TryGetValue(codec.Name, out float[]? levels))
        {
            throw new ArgumentException($"bitsandbytes' layout holds {string.Join(", ", BitsAndBytesNames.LevelsByPrecision.Keys)}, not {codec.Name}");
        }

        bool fourBits = levels.Length == 16;
        long codeBytes = fourBits ? (spec.ElementCount + 1) / 2 : spec.ElementCount;
        long scales = (spec.ElementCount + codec.BlockElements - 1) / codec.BlockElements;
        var divided = new List<(TensorSpec, Part)>
        {
            (new TensorSpec(spec.Name, DType.U8, fourBits ? new TensorShape(codeBytes, 1) : spec.Shape), new Part(tensor, PartKind.Codes, [])),
            (new TensorSpec(spec.Name + BitsAndBytesNames.Absmax, DType.F32, new TensorShape(scales)), new Part(tensor, PartKind.Scales, [])),
            Constant(spec.Name + BitsAndBytesNames.QuantMap, DType.F32, MemoryMarshal.AsBytes(levels.AsSpan()).ToArray()),
        };
        if (fourBits)
        {
            var state = new BitsAndBytesState(codec.Name, codec.BlockElements, spec.DType.TorchName(), [.. spec.Shape]);
            divided.Add(Constant(spec.Name + BitsAndBytesNames.QuantState + codec.Name, DType.U8, state.ToJson()));
        }

        return [.. divided];
    }

    private static (TensorSpec Spec, Part Part) Constant(string name, DType dtype, byte[] bytes) =>
        (new TensorSpec(name, dtype, new TensorShape(bytes.Length / dtype.Size())), new Part(-1, PartKind.Constant, bytes));

    /// <summary>Reads bytes of a tensor's codes, or of its scales, wherever in its tiles they lie.</summary>
    private void ReadRun(Part part, long position, Span<byte> destination)
    {
        TensorEntry entry = _encoded.Manifest[part.Tensor];
        var codec = (Codec)entry.Encoding;
        bool codes = part.Kind == PartKind.Codes;
        int perTile = codes ? codec.CodeBytes(Tile.ElementsMax) : codec.ScaleBytes(Tile.ElementsMax);
        while (destination.Length > 0)
        {
            long tile = position / perTile;
            int within = (int)(position % perTile);
            int elements = entry.Spec.TileElements(tile);
            int here = Math.Min(destination.Length, (codes ? codec.CodeBytes(elements) : codec.ScaleBytes(elements)) - within);
            _encoded.Read(new Tile(part.Tensor, tile), (codes ? codec.ScaleBytes(elements) : 0) + within, destination[..here]);
            destination = destination[here..];
            position += here;
        }
    }

    private sealed record Part(int Tensor, PartKind Kind, byte[] Constant);
}
