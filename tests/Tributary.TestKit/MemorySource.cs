using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.TestKit;

/// <summary>Tensors in arrays, for tests.</summary>
public sealed class MemorySource : TensorSource
{
    private readonly byte[][] _data;

    public MemorySource(params (TensorSpec Spec, byte[] Data)[] tensors)
    {
        Manifest = new TensorManifest(tensors.Select(tensor => new TensorEntry(tensor.Spec)));
        _data = [.. tensors.Select(tensor => tensor.Data)];
    }

    public override TensorManifest Manifest { get; }

    public static (TensorSpec Spec, byte[] Data) F32(string name, long[] shape, params float[] values) =>
        (new TensorSpec(name, DType.F32, new TensorShape(shape)), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    /// <summary>Gaussian values of the given type; the same for the same seed.</summary>
    public static (TensorSpec Spec, byte[] Data) Gaussian(string name, DType dtype, long[] shape, int seed, float scale = 1)
    {
        var spec = new TensorSpec(name, dtype, new TensorShape(shape));
        var random = new Random(seed);
        float[] values = new float[spec.ElementCount];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = scale * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        byte[] data = new byte[values.Length * dtype.Size()];
        DenseFloats.Narrow(values, dtype, data);
        return (spec, data);
    }

    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        int start = (int)Manifest[tile.Tensor].TileOffset(tile.Index) + offset;
        _data[tile.Tensor].AsSpan(start, destination.Length).CopyTo(destination);
    }
}
