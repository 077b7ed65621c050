using System.Runtime.InteropServices;

namespace Tributary.Codecs.Tests;

/// <summary>Values in a precision, as a test looks at them.</summary>
internal sealed class Encoded
{
    private Encoded(Codec codec, byte[] scales, byte[] codes, int elements)
    {
        Codec = codec;
        ScaleBytes = scales;
        CodeBytes = codes;
        Elements = elements;
    }

    public Codec Codec { get; }

    public byte[] ScaleBytes { get; }

    public byte[] CodeBytes { get; }

    public int Elements { get; }

    public float[] Scales => MemoryMarshal.Cast<byte, float>(ScaleBytes).ToArray();

    /// <summary>One byte for each element's code; for 16-bit floats their two bytes, and for topk the bytes as they are.</summary>
    public byte[] Unpacked => Codec.Name switch
    {
        "fp4" or "nf4" or "nf4n" or "int4" => Unpack(bits: 4),
        "int2" => Unpack(bits: 2),
        "int1" => Unpack(bits: 1),
        _ => CodeBytes,
    };

    public static Encoded Of(Codec codec, ReadOnlySpan<float> values)
    {
        // Whatever lay in the buffer must not show.
        byte[] scales = new byte[codec.ScaleBytes(values.Length)];
        byte[] codes = new byte[codec.CodeBytes(values.Length)];
        scales.AsSpan().Fill(0xAB);
        codes.AsSpan().Fill(0xCD);
        codec.Encode(values, scales, codes);
        return new Encoded(codec, scales, codes, values.Length);
    }

    public float[] Decode()
    {
        float[] values = new float[Elements];
        Codec.Decode(ScaleBytes, CodeBytes, values);
        return values;
    }

    private byte[] Unpack(int bits) =>
        [.. CodeBytes.SelectMany(packed => Enumerable.Range(1, 8 / bits).Select(i => (byte)((packed >> (8 - (i * bits))) & ((1 << bits) - 1)))).Take(Elements)];
}
