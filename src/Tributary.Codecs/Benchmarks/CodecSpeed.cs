namespace Tributary.Codecs.Benchmarks;

/// <summary>How fast a precision encodes and decodes.</summary>
/// <param name="Precision">The precision's name.</param>
/// <param name="EncodeBytesPerSecond">fp32 bytes read and encoded, per second.</param>
/// <param name="DecodeBytesPerSecond">fp32 bytes decoded and written, per second.</param>
public sealed record CodecSpeed(string Precision, double EncodeBytesPerSecond, double DecodeBytesPerSecond);

/// <summary>One run of <see cref="CodecBenchmark"/>.</summary>
/// <param name="Threads">The number of threads, each with its own part of the buffers.</param>
/// <param name="CopyBytesPerSecond">fp32 bytes copied per second (memcpy), with the same threads and buffers.</param>
/// <param name="Codecs">The speed of each precision.</param>
public sealed record CodecBenchmarkResult(int Threads, double CopyBytesPerSecond, IReadOnlyList<CodecSpeed> Codecs)
{
    /// <summary>Encoding relative to copying the same fp32 bytes.</summary>
    public double EncodeRatio(CodecSpeed codec) => codec.EncodeBytesPerSecond / CopyBytesPerSecond;

    /// <summary>Decoding relative to copying the same fp32 bytes.</summary>
    public double DecodeRatio(CodecSpeed codec) => codec.DecodeBytesPerSecond / CopyBytesPerSecond;
}
