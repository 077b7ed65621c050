using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>
/// Keeps of every run of 4096 values of a change those that are largest in absolute value, and makes the others zero; and may cut those that are kept to a bound. What others call a percentile filter keeps 10 % and cuts
/// (Shokri and Shmatikov 2015, "Privacy-Preserving Deep Learning"). By itself no formal guarantee of privacy: which values are large, and what they are, tells of the data.
/// </summary>
/// <param name="share">The share that is kept, above 0 and at most 1; at least one value of each run is.</param>
/// <param name="bound">The largest absolute value that leaves; null for any.</param>
/// <param name="received">What weights are a change of; null where the update is a change already.</param>
public sealed class SparsifyFilter(double share, float? bound, TensorSource? received) : Filter
{
    /// <inheritdoc/>
    public override string Name => $"keep the largest {share:P1}";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new Sparse(source, received, share, bound);

    private sealed class Sparse : TensorSource
    {
        private const int RunElements = Tile.StripAlignment;

        private readonly TensorSource _update;
        private readonly TensorSource? _received;
        private readonly int[] _places;
        private readonly double _share;
        private readonly float? _bound;

        public Sparse(TensorSource update, TensorSource? received, double share, float? bound)
        {
            (_update, _received, _share, _bound) = (update, received, share, bound);
            _places = received is null ? [] : Manifests.Align(update.Manifest, received.Manifest);
        }

        public override TensorManifest Manifest => _update.Manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            TensorSpec spec = Manifest[tile.Tensor].Spec;
            if (!spec.DType.IsTrainable())
            {
                _update.Read(tile, offset, destination);
                return;
            }

            int size = spec.DType.Size();
            using NativeBuffer run = NativeBuffer.RentFloats(RunElements);
            using NativeBuffer bases = NativeBuffer.RentFloats(RunElements);
            using NativeBuffer sizes = NativeBuffer.RentFloats(RunElements);
            int last = (offset + destination.Length) / size;
            for (int first = offset / size; first < last; first += RunElements)
            {
                // All of a run, also where less of it is asked for: what is large in it does not depend on who reads how much.
                int count = Math.Min(RunElements, spec.TileElements(tile.Index) - first);
                Span<float> values = run.Floats[..count];
                ReadRun(tile, first, values, bases.Floats[..count], sizes.Floats[..count]);
                DenseFloats.Narrow(values[..Math.Min(count, last - first)], spec.DType, destination.Slice((first * size) - offset, Math.Min(count, last - first) * size));
            }
        }

        private void ReadRun(Tile tile, int first, Span<float> values, Span<float> bases, Span<float> sizes)
        {
            _update.ReadFloats(tile, first, values);
            if (_received is not null)
            {
                _received.ReadFloats(tile with { Tensor = _places[tile.Tensor] }, first, bases);
                TensorPrimitives.Subtract(values, bases, values);
            }

            TensorPrimitives.Abs(values, sizes);
            sizes.Sort();
            float least = sizes[^Math.Clamp((int)Math.Round(_share * sizes.Length), 1, sizes.Length)];
            for (int i = 0; i < values.Length; i++)
            {
                float kept = Math.Abs(values[i]) >= least ? values[i] : 0;
                values[i] = _bound is { } most ? Math.Clamp(kept, -most, most) : kept;
            }

            if (_received is not null)
            {
                TensorPrimitives.Add(values, bases, values);
            }
        }
    }
}
