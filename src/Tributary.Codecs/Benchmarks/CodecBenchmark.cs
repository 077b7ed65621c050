using System.Runtime.InteropServices;
using Tributary.Tensors;

namespace Tributary.Codecs.Benchmarks;

/// <summary>
/// Measures every precision against memcpy of the same buffers in the same run, so that the ratio means the same on every machine.
/// Buffers should be far larger than the caches: 64 tiles are 256 MiB.
/// </summary>
public sealed class CodecBenchmark : IDisposable
{
    private const int TileBytes = Tile.ElementsMax * sizeof(float);

    private readonly TimeProvider _time;
    private readonly int _tiles;
    private readonly int _repeats;
    private readonly NativeBuffer _values;
    private readonly NativeBuffer _copy;
    private readonly NativeBuffer _encoded;

    /// <summary>Takes buffers of 2.5 times <paramref name="tiles"/> times 4 MiB and fills them with Gaussian values.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="tiles">The fp32 tiles that are encoded and decoded; at most 511.</param>
    /// <param name="repeats">Each measurement is the best of so many.</param>
    public CodecBenchmark(TimeProvider time, int tiles = 64, int repeats = 5)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tiles, Math.Clamp(tiles, 1, 511));
        ArgumentOutOfRangeException.ThrowIfLessThan(repeats, 1);
        _time = time;
        _tiles = tiles;
        _repeats = repeats;
        _values = NativeBuffer.Rent(tiles * TileBytes);
        _copy = NativeBuffer.Rent(tiles * TileBytes);
        _encoded = NativeBuffer.Rent(tiles * TileBytes / 2);
        FillGaussian(_values.Floats);
        _copy.Bytes.Clear();
        _encoded.Bytes.Clear();
    }

    /// <summary>Measures memcpy and all precisions that encode fp32.</summary>
    public CodecBenchmarkResult Run(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(threads, Math.Clamp(threads, 1, _tiles));
        double copy = Measure(threads, Copy);
        var speeds = new List<CodecSpeed>();
        foreach (Codec codec in Precision.All.Where(codec => codec.Encodes(DType.F32)))
        {
            double encode = Measure(threads, (first, end) => Encode(codec, first, end));
            double decode = Measure(threads, (first, end) => Decode(codec, first, end));
            speeds.Add(new CodecSpeed(codec.Name, encode, decode));
        }

        // Memory gets faster while a machine warms up; the better copy is the one to beat.
        return new CodecBenchmarkResult(threads, Math.Max(copy, Measure(threads, Copy)), speeds);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ((IDisposable)_values).Dispose();
        ((IDisposable)_copy).Dispose();
        ((IDisposable)_encoded).Dispose();
    }

    private static void FillGaussian(Span<float> values)
    {
        // One tile of values, repeated: the codecs do not care, and it takes no time.
        var random = new Random(1);
        Span<float> tile = values[..Tile.ElementsMax];
        for (int i = 0; i < tile.Length; i++)
        {
            tile[i] = (float)(0.02 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        for (int start = tile.Length; start < values.Length; start += tile.Length)
        {
            tile.CopyTo(values[start..]);
        }
    }

    /// <summary>The fp32 bytes per second of work on all tiles, given as the first tile and the one after the last.</summary>
    private double Measure(int threads, Action<int, int> work)
    {
        // The first run is for the compiler.
        OnThreads(threads, work);
        TimeSpan best = TimeSpan.MaxValue;
        for (int i = 0; i < _repeats; i++)
        {
            long start = _time.GetTimestamp();
            OnThreads(threads, work);
            TimeSpan elapsed = _time.GetElapsedTime(start);
            best = elapsed < best ? elapsed : best;
        }

        return (double)_tiles * TileBytes / best.TotalSeconds;
    }

    private void OnThreads(int threads, Action<int, int> work)
    {
        var others = new Thread[threads - 1];
        for (int i = 0; i < others.Length; i++)
        {
            (int first, int end) = (_tiles * (i + 1) / threads, _tiles * (i + 2) / threads);
            others[i] = new Thread(() => work(first, end));
            others[i].Start();
        }

        work(0, _tiles / threads);
        foreach (Thread other in others)
        {
            other.Join();
        }
    }

    private void Copy(int first, int end) =>
        _values.Bytes[(first * TileBytes)..(end * TileBytes)].CopyTo(_copy.Bytes[(first * TileBytes)..]);

    private void Encode(Codec codec, int first, int end)
    {
        for (int tile = first; tile < end; tile++)
        {
            Span<byte> encoded = Encoded(codec, tile, out int scaleBytes);
            codec.Encode(MemoryMarshal.Cast<byte, float>(_values.Bytes.Slice(tile * TileBytes, TileBytes)), encoded[..scaleBytes], encoded[scaleBytes..]);
        }
    }

    private void Decode(Codec codec, int first, int end)
    {
        for (int tile = first; tile < end; tile++)
        {
            Span<byte> encoded = Encoded(codec, tile, out int scaleBytes);
            codec.Decode(encoded[..scaleBytes], encoded[scaleBytes..], MemoryMarshal.Cast<byte, float>(_copy.Bytes.Slice(tile * TileBytes, TileBytes)));
        }
    }

    private Span<byte> Encoded(Codec codec, int tile, out int scaleBytes)
    {
        scaleBytes = codec.ScaleBytes(Tile.ElementsMax);
        int length = codec.ByteLength(DType.F32, Tile.ElementsMax);
        return _encoded.Bytes.Slice(tile * length, length);
    }
}
