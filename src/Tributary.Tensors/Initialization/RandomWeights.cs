using System.Runtime.InteropServices;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Tensors.Initialization;

/// <summary>
/// New weights of an architecture: made when they are read, and the same for the same seed, tensor name and element whatever else is
/// in the model. Nothing is held in memory.
/// </summary>
public sealed class RandomWeights : TensorSource
{
    // In the first-level cache while they are narrowed.
    private const int RunElements = Tile.StripAlignment;

    private readonly (GaussianNoise Noise, WeightDistribution Distribution)[] _tensors;

    /// <summary>Makes the source.</summary>
    /// <param name="architecture">Which tensors there are, and what they are drawn from.</param>
    /// <param name="dtype">Their type: F32, F16 or BF16.</param>
    /// <param name="seed">Any number.</param>
    /// <exception cref="ArgumentException">The type is not one of these.</exception>
    public RandomWeights(ModelArchitecture architecture, DType dtype, ulong seed)
    {
        if (!dtype.IsTrainable())
        {
            throw new ArgumentException($"{dtype.Name()} is not F32, F16 or BF16.", nameof(dtype));
        }

        Manifest = architecture.Tensors(dtype);
        _tensors = [.. Manifest.Select(entry => (new GaussianNoise(seed, entry.Spec.Name), architecture.Distribution(entry.Spec)))];
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        DType dtype = Manifest[tile.Tensor].Spec.DType;
        long start = (tile.Index * Tile.ElementsMax) + (offset / dtype.Size());
        if (dtype == DType.F32)
        {
            Fill(tile.Tensor, start, MemoryMarshal.Cast<byte, float>(destination));
            return;
        }

        Span<float> values = stackalloc float[RunElements];
        while (!destination.IsEmpty)
        {
            Span<float> run = values[..Math.Min(RunElements, destination.Length / dtype.Size())];
            Fill(tile.Tensor, start, run);
            DenseFloats.Narrow(run, dtype, destination[..(run.Length * dtype.Size())]);
            destination = destination[(run.Length * dtype.Size())..];
            start += run.Length;
        }
    }

    private void Fill(int tensor, long start, Span<float> values)
    {
        (GaussianNoise noise, WeightDistribution distribution) = _tensors[tensor];
        if (distribution.IsCausalMask)
        {
            FillMask(Manifest[tensor].Spec.Shape[^1], start, values);
            return;
        }

        noise.Fill(start, distribution.Mean, distribution.Deviation, values);
    }

    private static void FillMask(long positions, long start, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            (long row, long column) = Math.DivRem(start + i, positions);
            values[i] = column <= row ? 1 : 0;
        }
    }
}
