using Tributary.Codecs.Benchmarks;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Simulation.Streaming;

/// <summary>The model of an experiment: its files, and what it takes as a message. Only headers are read.</summary>
internal sealed class StreamedModel
{
    // The journal, the lines of arrived parts, folders.
    private const long SmallFilesBytes = 64L << 20;

    private readonly TensorManifest _global;

    private StreamedModel(string path, Checkpoint checkpoint)
    {
        Path = path;
        Files = checkpoint.Files;
        FileBytes = Files.Sum(file => new FileInfo(file).Length);

        // The server sends a model whose floats are fp32, whatever they are in the checkpoint.
        using var global = new CastSource(checkpoint, DType.F32);
        _global = global.Manifest;
    }

    public string Path { get; }

    public IReadOnlyList<string> Files { get; }

    public long FileBytes { get; }

    public int Tensors => _global.Count;

    public long Parameters => _global.ElementCount;

    /// <exception cref="FileNotFoundException">There are no weights there.</exception>
    /// <exception cref="TensorFormatException">A file is malformed; the message names it.</exception>
    public static StreamedModel Open(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        return new StreamedModel(System.IO.Path.GetFullPath(path), checkpoint);
    }

    public MessageSize SizeIn(string precision) => SizeTable.Of(_global).Single(size => size.Precision == precision);

    /// <summary>The most that one measurement has on the disk at once, beside the model itself.</summary>
    public long DiskBytes(StreamingOptions options)
    {
        long message = options.Precisions.Max(precision => SizeIn(precision).FileLength);
        long sent = message * (1 + options.Sites);

        // Each site's result lies at the site and in the spool; the new global model is fp32.
        long returned = options.RoundTrip ? (2 * options.Sites * message) + SizeIn("fp32").FileLength : 0;
        return Math.Max(sent + returned, FileBytes) + SmallFilesBytes;
    }
}
