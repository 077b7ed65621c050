using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tributary.Federation.Filters;
using Tributary.Privacy.Noise;
using Tributary.Tensors;

namespace Tributary.Privacy.Filters;

/// <summary>
/// Adds Gaussian noise to every float, the same each time that a tile is read. Tensors that are not floats stay as they are: what they tell is not covered.
/// </summary>
/// <remarks>
/// By itself no guarantee: the norm of one unit's contribution has to be bounded before (<see cref="ClipNormFilter"/>), and the release entered in a ledger, which hands out the key.
/// A sum of floats can tell by its last bits what was added to what (Mironov 2012, On significance of the least significant bits for differential privacy). So value and noise are added
/// in double precision and rounded to a grid that depends on the deviation alone, from a 1024th to a 2048th of it; docs/PRIVACY.md says what is left.
/// </remarks>
/// <param name="key">The round's key.</param>
/// <param name="deviation">The noise's standard deviation: noise multiplier times the bound on one unit's contribution.</param>
public sealed class GaussianNoiseFilter(NoiseKey key, double deviation) : Filter
{
    // 256 KiB of doubles a buffer: in a core's own cache with the rest.
    private const int StripElements = 1 << 13;

    // Coarse beside the last bits of doubles, which are to be rounded away, and fine beside the noise.
    private const int GridBits = 10;
    private const double DeviationMin = 1e-30;
    private const double DeviationMax = 1e30;

    private readonly double _deviation = deviation is >= DeviationMin and <= DeviationMax
        ? deviation
        : throw new ArgumentException($"The noise's deviation is {deviation}, but should be from {DeviationMin} to {DeviationMax}.", nameof(deviation));

    /// <inheritdoc/>
    public override string Name => $"add Gaussian noise of deviation {_deviation}";

    /// <inheritdoc/>
    public override TensorKind Takes => TensorKind.Dense;

    /// <inheritdoc/>
    public override TensorKind Gives => TensorKind.Dense;

    /// <summary>The step of the grid that results are rounded to: a power of two.</summary>
    public double Grid { get; } = Math.ScaleB(1, Math.ILogB(deviation) - GridBits);

    /// <inheritdoc/>
    public override TensorSource Apply(TensorSource source) => new Noisy(source, key, _deviation, Grid);

    private sealed class Noisy : TensorSource
    {
        private readonly TensorSource _source;
        private readonly double _deviation;
        private readonly double _grid;
        private readonly GaussianSampler[] _samplers;

        public Noisy(TensorSource source, NoiseKey key, double deviation, double grid)
        {
            (_source, _deviation, _grid) = (source, deviation, grid);
            _samplers = [.. source.Manifest.Select(entry => new GaussianSampler(key, entry.Spec.Name))];
        }

        public override TensorManifest Manifest => _source.Manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            TensorSpec spec = Manifest[tile.Tensor].Spec;
            if (!spec.DType.IsTrainable())
            {
                _source.Read(tile, offset, destination);
                return;
            }

            int size = spec.DType.Size();
            int elements = destination.Length / size;
            int length = Math.Min(elements, StripElements);
            using NativeBuffer floats = NativeBuffer.RentFloats(length);
            using NativeBuffer sums = NativeBuffer.Rent(length * sizeof(double));
            using NativeBuffer noise = NativeBuffer.Rent(length * sizeof(double));
            for (int start = 0; start < elements; start += length)
            {
                int count = Math.Min(length, elements - start);
                Span<float> values = floats.Floats[..count];
                int first = (offset / size) + start;
                _source.ReadFloats(tile, first, values);
                if (!TensorPrimitives.IsFiniteAll<float>(values))
                {
                    throw new TensorFormatException($"tensor '{spec.Name}' has a value that is NaN or infinite, which no noise hides");
                }

                _samplers[tile.Tensor].Fill((tile.Index * Tile.ElementsMax) + first, Doubles(noise, count));
                AddRounded(values, Doubles(sums, count), Doubles(noise, count));
                DenseFloats.Narrow(values, spec.DType, destination.Slice(start * size, count * size));
            }
        }

        private static Span<double> Doubles(NativeBuffer buffer, int count) => MemoryMarshal.Cast<byte, double>(buffer.Bytes)[..count];

        /// <summary>In steps of the grid; by a power of two nothing is lost on the way there and back.</summary>
        private void AddRounded(Span<float> values, Span<double> sums, Span<double> noise)
        {
            TensorPrimitives.ConvertTruncating<float, double>(values, sums);
            TensorPrimitives.Multiply(sums, 1 / _grid, sums);
            TensorPrimitives.Multiply(noise, _deviation / _grid, noise);
            TensorPrimitives.Add<double>(sums, noise, sums);
            TensorPrimitives.Round<double>(sums, sums);
            TensorPrimitives.Multiply(sums, _grid, sums);
            TensorPrimitives.ConvertTruncating<double, float>(sums, values);
        }
    }
}
