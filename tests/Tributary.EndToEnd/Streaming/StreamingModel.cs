using Tributary.Simulation.Experiments.Processes;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Streaming;

/// <summary>A model of a few MB that an experiment sends, in two shards, and the program that plays its roles.</summary>
internal static class StreamingModel
{
    public static ProgramCommand Program { get; } = new("dotnet", [TributaryProgram.Assembly]);

    public static void Write(string folder)
    {
        // More than a tile in one tensor, a tensor of an odd length, and one that no precision encodes.
        using var model = new MemorySource(
            MemorySource.Gaussian("model.embed_tokens.weight", DType.F32, [5000, 256], 1),
            MemorySource.Gaussian("model.norm.weight", DType.F32, [255], 2),
            (new TensorSpec("positions", DType.I64, new TensorShape(4)), new byte[32]));
        CheckpointWriter.Write(model, folder, shardBytesMax: 5 << 20, TestContext.Current.CancellationToken);
    }
}
