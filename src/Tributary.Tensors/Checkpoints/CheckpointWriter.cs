using System.Text.Json;
using Tributary.Tensors.Safetensors;

namespace Tributary.Tensors.Checkpoints;

/// <summary>Writes weights as a Hugging Face checkpoint folder.</summary>
public static class CheckpointWriter
{
    /// <summary>The largest shard in bytes unless told otherwise: Hugging Face's own default.</summary>
    public const long ShardBytesMaxDefault = 5_000_000_000;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    // What Transformers writes, so that its readers take the file as one of PyTorch's.
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>
    /// Writes the weights into a folder: one file, or shards with an index where they are larger than
    /// <paramref name="shardBytesMax"/>. A tensor is never divided.
    /// </summary>
    public static void Write(TensorSource weights, string folder, long shardBytesMax = ShardBytesMaxDefault, CancellationToken cancellationToken = default) =>
        Write(weights, folder, Plan, shardBytesMax, cancellationToken);

    /// <summary>Plans a plain file of a checkpoint, marked as Transformers marks its own.</summary>
    public static SafetensorsWriter Plan(TensorSource weights) => new(weights, Metadata);

    /// <summary>Writes weights whose files are laid out in the caller's way.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="folder">The folder; made if it is not there.</param>
    /// <param name="plan">Plans the file of the weights, or of a shard's part of them.</param>
    /// <param name="shardBytesMax">The largest shard in bytes.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public static void Write(TensorSource weights, string folder, Func<TensorSource, SafetensorsWriter> plan, long shardBytesMax, CancellationToken cancellationToken) =>
        Write(weights, folder, plan, ShardPlan.BySize(weights.Manifest, shardBytesMax), cancellationToken);

    /// <summary>Writes weights into shards that the caller has planned.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="folder">The folder; made if it is not there.</param>
    /// <param name="plan">Plans the file of the weights, or of a shard's part of them.</param>
    /// <param name="shards">The shards, see <see cref="ShardPlan"/>; a single one is a file without an index.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public static void Write(
        TensorSource weights, string folder, Func<TensorSource, SafetensorsWriter> plan, IReadOnlyList<IReadOnlyList<int>> shards, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        if (shards.Count <= 1)
        {
            plan(weights).WriteFile(Path.Combine(folder, Checkpoint.FileName), cancellationToken);
            return;
        }

        var shardByTensor = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (int s = 0; s < shards.Count; s++)
        {
            string name = $"model-{s + 1:D5}-of-{shards.Count:D5}.safetensors";
            using var part = new SelectedTensors(weights, shards[s]);
            plan(part).WriteFile(Path.Combine(folder, name), cancellationToken);
            foreach (TensorEntry entry in part.Manifest)
            {
                shardByTensor.Add(entry.Spec.Name, name);
            }
        }

        // The index last: until it is there, the folder holds no checkpoint.
        string index = JsonSerializer.Serialize(new { metadata = new { total_size = weights.Manifest.ByteLength }, weight_map = shardByTensor }, Indented);
        DurableFile.WriteText(Path.Combine(folder, Checkpoint.IndexName), index);
    }
}
