using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// A source that is computed from others element by element, a strip of all of them at a time: memory grows neither with the model nor,
/// up to 32 of them, with the sources (512 KiB for each thread that reads; 16 KiB for each source beyond). Its manifest and order are the
/// first source's, its floats F32; tensors that are not floats are the first source's.
/// </summary>
public abstract class StripwiseSource : TensorSource
{
    private readonly AlignedSources _sources;

    private protected StripwiseSource(AlignedSources sources) => _sources = sources;

    /// <inheritdoc/>
    public sealed override TensorManifest Manifest => _sources.Manifest;

    /// <inheritdoc/>
    public sealed override void Read(Tile tile, int offset, Span<byte> destination)
    {
        TensorSpec spec = Manifest[tile.Tensor].Spec;
        if (!spec.DType.IsTrainable())
        {
            _sources.ReadOther(tile, offset, destination);
            return;
        }

        Span<float> result = MemoryMarshal.Cast<byte, float>(destination);
        int length = Math.Min(result.Length, Strips.ElementsFor(_sources.Count));
        using NativeBuffer buffer = NativeBuffer.RentFloats(Strips.FloatsOf(_sources.Count, length));
        for (int start = 0; start < result.Length; start += length)
        {
            Span<float> part = result[start..Math.Min(result.Length, start + length)];
            var strips = new Strips(buffer.Floats, _sources.Count, part.Length);
            for (int source = 0; source < strips.Count; source++)
            {
                _sources.ReadFloats(source, tile, (offset / sizeof(float)) + start, strips[source]);
            }

            Compute(strips, part);
            if (!TensorPrimitives.IsFiniteAll(part))
            {
                throw new TensorFormatException($"tensor '{spec.Name}': {OverflowAdvice}");
            }
        }
    }

    /// <summary>What to say where finite values come to one that is not.</summary>
    private protected virtual string OverflowAdvice => "the updates are too large to be summed in fp32";

    /// <summary>Computes a strip; the sources' strips may be overwritten.</summary>
    private protected abstract void Compute(Strips strips, Span<float> result);
}
