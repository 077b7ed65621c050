using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Simulation.Experiments;

/// <summary>
/// A model with small noise on its floats: what stands for a site's training where only moving models is measured. The noise depends
/// on seed, tensor and element alone, and adding it takes no longer than reading memory.
/// </summary>
internal sealed class NoisySource : TensorSource
{
    private const float Amplitude = 1e-3f;

    // Each run of a strip's alignment takes its noise from a place of the table that depends on tensor and run.
    private const int RunElements = Tile.StripAlignment;
    private const int Places = 1 << 16;

    private readonly TensorSource _model;
    private readonly float[] _noise = new float[Places + RunElements];

    public NoisySource(TensorSource model, int seed)
    {
        _model = model;
        var random = new Random(seed);
        for (int i = 0; i < _noise.Length; i++)
        {
            _noise[i] = Amplitude * ((2 * random.NextSingle()) - 1);
        }
    }

    public override TensorManifest Manifest => _model.Manifest;

    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        DType dtype = Manifest[tile.Tensor].Spec.DType;
        if (!dtype.IsTrainable())
        {
            _model.Read(tile, offset, destination);
            return;
        }

        int start = offset / dtype.Size();
        if (dtype == DType.F32)
        {
            _model.Read(tile, offset, destination);
            Add(tile, start, MemoryMarshal.Cast<byte, float>(destination));
            return;
        }

        using NativeBuffer values = NativeBuffer.RentFloats(destination.Length / dtype.Size());
        _model.ReadFloats(tile, start, values.Floats);
        Add(tile, start, values.Floats);
        DenseFloats.Narrow(values.Floats, dtype, destination);
    }

    private void Add(Tile tile, int start, Span<float> values)
    {
        long run = ((tile.Index * Tile.ElementsMax) + start) / RunElements;
        for (; values.Length > 0; run++)
        {
            Span<float> some = values[..Math.Min(RunElements, values.Length)];
            TensorPrimitives.Add(some, _noise.AsSpan(Place(tile.Tensor, run), some.Length), some);
            values = values[some.Length..];
        }
    }

    private static int Place(int tensor, long run)
    {
        // Spreads neighbouring runs over the table (the finalizer of MurmurHash3).
        ulong hash = ((ulong)tensor << 40) ^ (ulong)run;
        hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCD;
        hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53;
        return (int)((hash ^ (hash >> 33)) % Places);
    }
}
