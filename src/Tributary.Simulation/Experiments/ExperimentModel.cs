using Tributary.Codecs.Benchmarks;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Simulation.Experiments;

/// <summary>The model of an experiment: its files, and what it takes as a message. Only headers are read.</summary>
internal sealed class ExperimentModel
{
    /// <summary>What a measurement has on the disk beside models and messages: the journal, the lines of arrived parts, folders.</summary>
    public const long SmallFilesBytes = 64L << 20;

    private readonly TensorManifest _global;

    private ExperimentModel(string path, Checkpoint checkpoint)
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
    public static ExperimentModel Open(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        return new ExperimentModel(System.IO.Path.GetFullPath(path), checkpoint);
    }

    public MessageSize SizeIn(string precision) => SizeTable.Of(_global).Single(size => size.Precision == precision);
}
