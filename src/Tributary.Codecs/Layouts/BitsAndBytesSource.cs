using System.Text.Json;
using Tributary.Tensors;

namespace Tributary.Codecs.Layouts;

/// <summary>
/// A checkpoint in bitsandbytes' layout as a source of encoded tensors: the tensors that belong to a weight are one entry again, whose
/// tiles are scales and then codes. A <see cref="DequantizedSource"/> over it gives the values.
/// </summary>
public sealed class BitsAndBytesSource : TensorSource
{
    private readonly TensorSource _checkpoint;
    private readonly List<(int Tensor, int Absmax)> _places = [];

    /// <summary>Makes the view, which takes the checkpoint over: disposing the one disposes the other.</summary>
    /// <exception cref="TensorFormatException">The tensors of a weight do not fit together, or are of a kind that is not known here.</exception>
    public BitsAndBytesSource(TensorSource checkpoint)
    {
        _checkpoint = checkpoint;
        TensorManifest all = checkpoint.Manifest;
        var belongs = new HashSet<string>(StringComparer.Ordinal);
        var entries = new List<TensorEntry>();
        foreach (TensorEntry weight in all.Where(entry => all.IndexOf(entry.Spec.Name + BitsAndBytesNames.Absmax) >= 0))
        {
            string name = weight.Spec.Name;
            belongs.UnionWith(all.Select(entry => entry.Spec.Name).Where(other =>
                other == name + BitsAndBytesNames.Absmax || other == name + BitsAndBytesNames.QuantMap || other.StartsWith(name + BitsAndBytesNames.QuantState, StringComparison.Ordinal)));
        }

        for (int tensor = 0; tensor < all.Count; tensor++)
        {
            TensorSpec spec = all[tensor].Spec;
            if (belongs.Contains(spec.Name))
            {
                continue;
            }

            int absmax = all.IndexOf(spec.Name + BitsAndBytesNames.Absmax);
            entries.Add(absmax < 0 ? all[tensor] : Gather(spec, all[absmax].Spec));
            _places.Add((tensor, absmax));
        }

        Manifest = new TensorManifest(entries);
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <summary>Whether a checkpoint has weights in this layout.</summary>
    public static bool Fits(TensorManifest manifest) =>
        manifest.Any(entry => entry.Spec.DType == DType.U8 && manifest.IndexOf(entry.Spec.Name + BitsAndBytesNames.Absmax) >= 0);

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        (int tensor, int absmax) = _places[tile.Tensor];
        TensorEntry entry = Manifest[tile.Tensor];
        if (entry.Encoding is not Codec codec)
        {
            _checkpoint.Read(tile with { Tensor = tensor }, offset, destination);
            return;
        }

        int scaleBytes = codec.ScaleBytes(entry.Spec.TileElements(tile.Index));
        int scalesHere = Math.Clamp(scaleBytes - offset, 0, destination.Length);
        ReadRun(absmax, (tile.Index * codec.ScaleBytes(Tile.ElementsMax)) + offset, destination[..scalesHere]);
        ReadRun(tensor, (tile.Index * codec.CodeBytes(Tile.ElementsMax)) + Math.Max(0, offset - scaleBytes), destination[scalesHere..]);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _checkpoint.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Finds out what a weight is, and whether what belongs to it fits.</summary>
    private TensorEntry Gather(TensorSpec codes, TensorSpec absmax)
    {
        BitsAndBytesState? state = ReadState(codes.Name);
        Codec codec = state is null ? Precision.Int8 : Precision.TryParse(state.QuantType, out Codec? found) ? found : throw Wrong(codes.Name, $"quant_type is '{state.QuantType}'");
        if (!BitsAndBytesNames.LevelsByPrecision.TryGetValue(codec.Name, out float[]? levels) || (state is not null && state.BlockSize != codec.BlockElements))
        {
            throw Wrong(codes.Name, $"{codec.Name} in blocks of {state?.BlockSize} is not one of {string.Join(", ", BitsAndBytesNames.LevelsByPrecision.Keys)} in their usual blocks");
        }

        if (absmax.DType != DType.F32)
        {
            throw Wrong(codes.Name, "its scales are quantized too (double quantization); load and save it without");
        }

        var spec = new TensorSpec(codes.Name, TypeOf(state), state is null ? codes.Shape : new TensorShape(state.Shape));
        long codeBytes = levels.Length == 16 ? (spec.ElementCount + 1) / 2 : spec.ElementCount;
        long scales = (spec.ElementCount + codec.BlockElements - 1) / codec.BlockElements;
        if (codes.DType != DType.U8 || codes.ElementCount != codeBytes || absmax.ElementCount != scales)
        {
            throw Wrong(codes.Name, $"{spec.Shape} in {codec.Name} takes {codeBytes} bytes of codes and {scales} scales, but there are {codes.ElementCount} and {absmax.ElementCount}");
        }

        CheckLevels(codes.Name, levels);
        return new TensorEntry(spec, codec);
    }

    private void CheckLevels(string name, float[] levels)
    {
        int map = _checkpoint.Manifest.IndexOf(name + BitsAndBytesNames.QuantMap);
        TensorSpec? spec = map < 0 ? null : _checkpoint.Manifest[map].Spec;
        if (spec is null || spec.DType != DType.F32 || spec.ElementCount != levels.Length)
        {
            throw Wrong(name, $"its {BitsAndBytesNames.QuantMap[1..]} is not {levels.Length} levels in F32");
        }

        float[] found = new float[levels.Length];
        _checkpoint.Read(new Tile(map, 0), 0, System.Runtime.InteropServices.MemoryMarshal.AsBytes(found.AsSpan()));

        // The last bits of a computed map differ between processors.
        const float Tolerance = 1e-6f;
        if (levels.Zip(found).Any(pair => !(Math.Abs(pair.First - pair.Second) <= Tolerance)))
        {
            throw Wrong(name, "its levels are not the usual ones");
        }
    }

    private BitsAndBytesState? ReadState(string name)
    {
        TensorEntry? entry = _checkpoint.Manifest.FirstOrDefault(entry => entry.Spec.Name.StartsWith(name + BitsAndBytesNames.QuantState, StringComparison.Ordinal));
        if (entry is null)
        {
            return null;
        }

        const int JsonBytesMax = 1 << 16;
        if (entry.Spec.DType != DType.U8 || entry.Spec.ElementCount > JsonBytesMax)
        {
            throw Wrong(name, "its quant_state is not a short JSON text");
        }

        byte[] json = new byte[entry.Spec.ElementCount];
        _checkpoint.Read(new Tile(_checkpoint.Manifest.IndexOf(entry.Spec.Name), 0), 0, json);
        try
        {
            return JsonSerializer.Deserialize(json, BitsAndBytesJson.Default.BitsAndBytesState) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw Wrong(name, $"its quant_state cannot be read ({e.Message})");
        }
    }

    /// <summary>The original type; the 8-bit layout does not say it, and bitsandbytes then decodes to fp32.</summary>
    private static DType TypeOf(BitsAndBytesState? state) => state?.Dtype switch { "float16" => DType.F16, "bfloat16" => DType.BF16, _ => DType.F32 };

    private static TensorFormatException Wrong(string tensor, string what) => new($"tensor '{tensor}' in bitsandbytes' layout: {what}");

    /// <summary>Reads bytes of a dense tensor, counted from its first, across its tiles.</summary>
    private void ReadRun(int tensor, long position, Span<byte> destination)
    {
        TensorEntry entry = _checkpoint.Manifest[tensor];
        long perTile = entry.TileOffset(1);
        while (destination.Length > 0)
        {
            long tile = position / perTile;
            int within = (int)(position % perTile);
            int here = Math.Min(destination.Length, entry.TileBytes(tile) - within);
            _checkpoint.Read(new Tile(tensor, tile), within, destination[..here]);
            destination = destination[here..];
            position += here;
        }
    }
}
