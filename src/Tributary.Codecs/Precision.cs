using System.Diagnostics.CodeAnalysis;
using Tributary.Codecs.Blocks;
using Tributary.Codecs.Fitted;
using Tributary.Codecs.Levels;
using Tributary.Codecs.Quantizers;
using Tributary.Codecs.Sparse;
using Tributary.Tensors;

namespace Tributary.Codecs;

/// <summary>
/// The known precisions, by the names that job files, flags and messages use. Decibels are the ratio of signal to noise of Gaussian
/// values.
/// </summary>
public static class Precision
{
    /// <summary>IEEE single precision: leaves every tensor as it is.</summary>
    public static Codec Fp32 { get; } = new FloatCodec("fp32", DType.F32);

    /// <summary>IEEE half precision, clamped to the finite halves: 50 % of fp32, 73.7 dB. Leaves 16-bit tensors as they are.</summary>
    public static Codec Fp16 { get; } = new FloatCodec("fp16", DType.F16);

    /// <summary>bfloat16, to nearest even: 50 % of fp32, 55.6 dB. Leaves 16-bit tensors as they are.</summary>
    public static Codec Bf16 { get; } = new FloatCodec("bf16", DType.BF16);

    /// <summary>8 bits of evenly spaced levels in blocks of 128: 25.78 % of fp32, 43.8 dB.</summary>
    public static Codec Int8b { get; } = new BlockCodec<Linear>("int8b", blockElements: 128);

    /// <summary>8 bits of the signed dynamic map in blocks of 4096: 25.02 % of fp32, 37.7 dB.</summary>
    public static Codec Int8 { get; } = new BlockCodec<DynamicMap>("int8", blockElements: 4096);

    /// <summary>A 4-bit float in blocks of 64: 14.06 % of fp32, 18.3 dB.</summary>
    public static Codec Fp4 { get; } = new BlockCodec<SixteenLevels<Fp4Levels>>("fp4", blockElements: 64);

    /// <summary>4-bit quantiles of a normal distribution in blocks of 64: 14.06 % of fp32, 20.7 dB.</summary>
    public static Codec Nf4 { get; } = new BlockCodec<SixteenLevels<Nf4Levels>>("nf4", blockElements: 64);

    /// <summary>4 bits of evenly spaced levels in blocks of 64 with bfloat16 scales: 13.28 % of fp32, 19.4 dB.</summary>
    public static Codec Int4 { get; } = new FittedCodec<IntegerLevels>("int4");

    /// <summary>nf4 whose scales are encoded in 8 bits: 12.90 % of fp32, 20.7 dB.</summary>
    public static Codec Nf4n { get; } = new NestedCodec<SixteenLevels<Nf4Levels>>("nf4n");

    /// <summary>2 bits, four levels in blocks of 64, for changes: 7.03 % of fp32, 9.4 dB.</summary>
    public static Codec Int2 { get; } = new FittedCodec<FourLevels>("int2");

    /// <summary>Signs and a magnitude for blocks of 128, for changes: 3.52 % of fp32, 4.4 dB.</summary>
    public static Codec Int1 { get; } = new FittedCodec<Signs>("int1");

    /// <summary>The largest 256 of each 4096 values, as one of two magnitudes, for changes: 1.59 % of fp32, 1.7 dB.</summary>
    public static Codec TopK6 { get; } = new TopKCodec("topk6", kept: 256);

    /// <summary>The largest 128 of each 4096 values, as one of two magnitudes, for changes: 0.90 % of fp32, 1.0 dB.</summary>
    public static Codec TopK3 { get; } = new TopKCodec("topk3", kept: 128);

    /// <summary>The largest 64 of each 4096 values, as one of two magnitudes, for changes: 0.51 % of fp32, 0.5 dB.</summary>
    public static Codec TopK { get; } = new TopKCodec("topk", kept: 64);

    /// <summary>All precisions, widest first.</summary>
    public static IReadOnlyList<Codec> All { get; } = [Fp32, Fp16, Bf16, Int8b, Int8, Fp4, Nf4, Int4, Nf4n, Int2, Int1, TopK6, TopK3, TopK];

    /// <summary>Finds a precision by its name.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those there are.</exception>
    public static Codec Parse(string name) => TryParse(name, out Codec? codec)
        ? codec
        : throw new FormatException($"'{name}' is not a precision; there are {string.Join(", ", All.Select(known => known.Name))}");

    /// <summary>Finds a precision by its name.</summary>
    public static bool TryParse(string name, [NotNullWhen(true)] out Codec? codec)
    {
        codec = All.FirstOrDefault(known => string.Equals(known.Name, name, StringComparison.Ordinal));
        return codec is not null;
    }
}
