using Tributary.Tensors;

namespace Tributary.Benchmarks;

/// <summary>One tile of random values in memory, the same for the same seed.</summary>
internal sealed class NoiseTile : TensorSource
{
    private readonly NativeBuffer _values = NativeBuffer.RentFloats(Tile.ElementsMax);

    public NoiseTile(int seed)
    {
        var random = new Random(seed);
        foreach (ref float value in _values.Floats)
        {
            value = (float)(random.NextDouble() + random.NextDouble() - 1);
        }
    }

    public override TensorManifest Manifest { get; } = new([new TensorEntry(new TensorSpec("w", DType.F32, new TensorShape(Tile.ElementsMax)))]);

    public override void Read(Tile tile, int offset, Span<byte> destination) => _values.Bytes.Slice(offset, destination.Length).CopyTo(destination);

    protected override void Dispose(bool disposing)
    {
        ((IDisposable)_values).Dispose();
        base.Dispose(disposing);
    }
}
