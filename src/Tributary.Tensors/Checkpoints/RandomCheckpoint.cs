using System.Text.Json;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Checkpoints;

/// <summary>Writes a checkpoint folder of random weights: config.json and the weights, no tokenizer. A few tiles are in memory.</summary>
public static class RandomCheckpoint
{
    private const string ConfigName = "config.json";

    // Headers, index and config; larger than they ever are.
    private const long BesideWeightsMax = 1 << 20;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes the folder. If that fails or is cancelled, everything written is removed again.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="config">The content of config.json.</param>
    /// <param name="folder">The folder: empty, or not there yet.</param>
    /// <param name="shards">The shards, see <see cref="ShardPlan"/>.</param>
    /// <param name="cancellationToken">Looked at between tiles.</param>
    /// <exception cref="IOException">The folder is not empty, its disk has too little room, or it cannot be written.</exception>
    public static void Write(
        TensorSource weights, System.Text.Json.Nodes.JsonObject config, string folder, IReadOnlyList<IReadOnlyList<int>> shards, CancellationToken cancellationToken)
    {
        if (!IsFree(folder))
        {
            throw new IOException($"{folder}: is there already and not empty; give another name, or remove it");
        }

        DiskSpace.Require(folder, BytesNeeded(weights.Manifest));
        bool isNew = !Directory.Exists(folder);
        Directory.CreateDirectory(folder);
        try
        {
            DurableFile.WriteText(Path.Combine(folder, ConfigName), config.ToJsonString(Indented));

            // What makes the folder a checkpoint, the only file's name or the index, comes last: a process that is killed leaves none.
            CheckpointWriter.Write(weights, folder, CheckpointWriter.Plan, shards, cancellationToken);
        }
        catch
        {
            RemoveOurs(folder, isNew);
            throw;
        }
    }

    /// <summary>Whether a folder can be written: it is not there, or empty.</summary>
    public static bool IsFree(string folder) => !Path.Exists(folder) || (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any());

    /// <summary>The bytes that a folder of these weights will take at most.</summary>
    public static long BytesNeeded(TensorManifest weights) => weights.ByteLength + BesideWeightsMax;

    private static void RemoveOurs(string folder, bool isNew)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "model*.safetensors*").Append(Path.Combine(folder, ConfigName)))
        {
            File.Delete(file);
        }

        if (isNew && !Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }
}
