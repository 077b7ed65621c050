using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>
/// Scales an update down so that the global L2 norm of its change is at most a limit; one within the limit is left as it is, bit for bit. It takes one
/// pass more over the update. The codec after it may add a few percent to the norm. Without noise a bounded norm is no formal guarantee of privacy.
/// </summary>
/// <param name="max">The largest norm, above 0.</param>
/// <param name="received">What weights are a change of; null where the update is a change already.</param>
public sealed class ClipNormFilter(double max, TensorSource? received) : Filter
{
    // 256 KiB of floats: update and base stay in a core's own cache.
    private const int StripElements = 1 << 16;

    /// <inheritdoc/>
    public override string Name => $"clip to the norm {max}";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new Clipped(source, received, max);

    private sealed class Clipped : TensorSource
    {
        private readonly TensorSource _update;
        private readonly TensorSource? _received;
        private readonly int[] _places;

        // Known when the first tile is read, by whichever thread reads it; the others wait.
        private readonly Lazy<float> _scale;

        public Clipped(TensorSource update, TensorSource? received, double max)
        {
            (_update, _received) = (update, received);
            _places = received is null ? [] : Manifests.Align(update.Manifest, received.Manifest);
            _scale = new Lazy<float>(() => ScaleFor(UpdateNorm.Of(received is null ? update : new DeltaSource(update, received), CancellationToken.None), max));
        }

        public override TensorManifest Manifest => _update.Manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            DType dtype = Manifest[tile.Tensor].Spec.DType;
            if (!dtype.IsTrainable() || _scale.Value >= 1)
            {
                _update.Read(tile, offset, destination);
                return;
            }

            int elements = destination.Length / dtype.Size();
            using NativeBuffer bases = NativeBuffer.RentFloats(_received is null ? 0 : Math.Min(elements, StripElements));
            using NativeBuffer wide = NativeBuffer.RentFloats(dtype == DType.F32 ? 0 : Math.Min(elements, StripElements));
            for (int start = 0; start < elements; start += StripElements)
            {
                int count = Math.Min(StripElements, elements - start);
                Span<byte> part = destination.Slice(start * dtype.Size(), count * dtype.Size());
                Span<float> values = dtype == DType.F32 ? MemoryMarshal.Cast<byte, float>(part) : wide.Floats[..count];
                Scale(tile, (offset / dtype.Size()) + start, values, _received is null ? [] : bases.Floats[..count]);
                if (dtype != DType.F32)
                {
                    DenseFloats.Narrow(values, dtype, part);
                }
            }
        }

        /// <summary>Rounded down, so that what is scaled is within the limit.</summary>
        private static float ScaleFor(double norm, double max) => norm <= max ? 1 : MathF.BitDecrement((float)(max / norm));

        private void Scale(Tile tile, int first, Span<float> values, Span<float> bases)
        {
            _update.ReadFloats(tile, first, values);
            if (_received is null)
            {
                TensorPrimitives.Multiply(values, _scale.Value, values);
                return;
            }

            _received.ReadFloats(tile with { Tensor = _places[tile.Tensor] }, first, bases);
            TensorPrimitives.Subtract(values, bases, values);
            TensorPrimitives.Multiply(values, _scale.Value, values);
            TensorPrimitives.Add(values, bases, values);
        }
    }
}
