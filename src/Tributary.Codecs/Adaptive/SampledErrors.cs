using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Codecs.Adaptive;

/// <summary>What precisions lose of a tensor, measured on strips spread evenly over it: on all of a small one, and on as much of any larger one.</summary>
internal static class SampledErrors
{
    // A strip has whole blocks and whole runs of every codec, so that it loses what the tensor does there.
    private const int StripElements = Tile.StripAlignment;

    private const int StripsMax = 32;

    /// <summary>The tensor's sum of squares, and of what each codec loses, scaled up from the strips to all of it.</summary>
    public static (double Energy, double[] Errors) Of(TensorSource dense, int place, IReadOnlyList<Codec> codecs)
    {
        TensorSpec spec = dense.Manifest[place].Spec;
        double[] errors = new double[codecs.Count];
        double energy = 0;
        long strips = (spec.ElementCount + StripElements - 1) / StripElements;
        long taken = Math.Min(strips, StripsMax);
        long elements = 0;
        using NativeBuffer buffers = NativeBuffer.RentFloats(2 * StripElements);
        using NativeBuffer encoded = NativeBuffer.RentFloats(2 * StripElements);
        for (long at = 0; at < taken; at++)
        {
            long first = at * strips / taken * StripElements;
            var tile = new Tile(place, first / Tile.ElementsMax);
            int start = (int)(first % Tile.ElementsMax);
            int count = Math.Min(StripElements, spec.TileElements(tile.Index) - start);
            Span<float> values = buffers.Floats[..count];
            dense.ReadFloats(tile, start, values);
            if (NotFinite.IndexIn(values, 0) is >= 0 and var notFinite)
            {
                throw new TensorFormatException($"tensor '{spec.Name}' is {values[notFinite]} at element {first + notFinite}; only finite values can be sent");
            }

            energy += Squares(values);
            elements += count;
            for (int codec = 0; codec < codecs.Count; codec++)
            {
                errors[codec] += Lost(codecs[codec], values, buffers.Floats.Slice(StripElements, count), encoded.Bytes);
            }
        }

        double scale = elements == 0 ? 0 : spec.ElementCount / (double)elements;
        return (energy * scale, [.. errors.Select(error => error * scale)]);
    }

    private static double Lost(Codec codec, ReadOnlySpan<float> values, Span<float> decoded, Span<byte> bytes)
    {
        Span<byte> scales = bytes[..codec.ScaleBytes(values.Length)];
        Span<byte> codes = bytes.Slice(scales.Length, codec.CodeBytes(values.Length));
        codec.Encode(values, scales, codes);
        codec.Decode(scales, codes, decoded);
        TensorPrimitives.Subtract(values, decoded, decoded);
        return Squares(decoded);
    }

    // One after the other, in double: the same bits on every machine.
    private static double Squares(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}
