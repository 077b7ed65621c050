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

    /// <summary>One byte for each element's code; for 16-bit floats their two bytes.</summary>
    public byte[] Unpacked => Codec.Name is "fp4" or "nf4" or "nf4n"
        ? [.. CodeBytes.SelectMany(pair => new[] { (byte)(pair >> 4), (byte)(pair & 0xF) }).Take(Elements)]
        : CodeBytes;

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
}
