using System.Text.Json;
using Tributary.Tensors.Safetensors;

namespace Tributary.Tensors.Checkpoints;

/// <summary>
/// The weights of a checkpoint as one source: a safetensors file, or a Hugging Face folder with <c>model.safetensors</c> or with
/// shards and their <c>model.safetensors.index.json</c>.
/// </summary>
public sealed class Checkpoint : TensorSource
{
    /// <summary>The name of a folder's only weights file.</summary>
    public const string FileName = "model.safetensors";

    /// <summary>The name of the file that says which tensor lies in which shard.</summary>
    public const string IndexName = FileName + ".index.json";

    private readonly SafetensorsFile[] _files;
    private readonly (int File, int Tensor)[] _places;

    private Checkpoint(SafetensorsFile[] files)
    {
        _files = files;
        _places = [.. files.SelectMany((file, f) => Enumerable.Range(0, file.Manifest.Count).Select(t => (f, t)))];
        Manifest = new TensorManifest(files.SelectMany(file => file.Manifest));
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <summary>The files the weights lie in.</summary>
    public IEnumerable<string> Files => _files.Select(file => file.Path);

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">A .safetensors file or a folder.</param>
    /// <exception cref="FileNotFoundException">There are no weights there; the message says what was looked for.</exception>
    /// <exception cref="TensorFormatException">A file is malformed, or the index and the shards disagree.</exception>
    public static Checkpoint Open(string path)
    {
        if (File.Exists(path))
        {
            return new Checkpoint([SafetensorsFile.Open(path)]);
        }

        string single = Path.Combine(path, FileName);
        if (File.Exists(single))
        {
            return new Checkpoint([SafetensorsFile.Open(single)]);
        }

        string index = Path.Combine(path, IndexName);
        return File.Exists(index)
            ? OpenShards(path, index)
            : throw new FileNotFoundException($"{path}: no weights there; expected a .safetensors file, or a folder with {FileName} or {IndexName}");
    }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        (int file, int tensor) = _places[tile.Tensor];
        _files[file].Read(tile with { Tensor = tensor }, offset, destination);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Close(_files);
        base.Dispose(disposing);
    }

    private static Checkpoint OpenShards(string folder, string index)
    {
        Dictionary<string, string> shardByTensor = ReadIndex(index);
        var files = new List<SafetensorsFile>();
        try
        {
            foreach (string shard in shardByTensor.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                if (shard != Path.GetFileName(shard))
                {
                    throw new TensorFormatException($"{index}: shard '{shard}' is not a plain file name");
                }

                string path = Path.Combine(folder, shard);
                files.Add(File.Exists(path) ? SafetensorsFile.Open(path) : throw new TensorFormatException($"{index}: names shard '{shard}', which is not in the folder"));
            }

            CheckAgainstIndex(index, shardByTensor, files);
            return new Checkpoint([.. files]);
        }
        catch
        {
            Close(files);
            throw;
        }
    }

    private static void CheckAgainstIndex(string index, Dictionary<string, string> shardByTensor, List<SafetensorsFile> files)
    {
        var missing = new HashSet<string>(shardByTensor.Keys, StringComparer.Ordinal);
        foreach (SafetensorsFile file in files)
        {
            string shard = Path.GetFileName(file.Path);
            foreach (TensorEntry entry in file.Manifest)
            {
                if (!shardByTensor.TryGetValue(entry.Spec.Name, out string? expected) || expected != shard)
                {
                    throw new TensorFormatException($"{index}: tensor '{entry.Spec.Name}' lies in '{shard}', but the index says {(expected is null ? "nothing of it" : $"'{expected}'")}");
                }

                missing.Remove(entry.Spec.Name);
            }
        }

        if (missing.Count > 0)
        {
            throw new TensorFormatException($"{index}: tensor '{missing.Order(StringComparer.Ordinal).First()}' is not in the shard it is said to be in");
        }
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            using JsonDocument document = JsonDocument.Parse(stream);
            return document.RootElement.GetProperty("weight_map").EnumerateObject()
                .ToDictionary(pair => pair.Name, pair => pair.Value.GetString() ?? throw new JsonException($"shard of '{pair.Name}' is null"), StringComparer.Ordinal);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new TensorFormatException($"{path}: not a checkpoint index with a weight_map of tensor names and shard files ({e.Message})", e);
        }
    }

    private static void Close(IEnumerable<SafetensorsFile> files)
    {
        foreach (SafetensorsFile file in files)
        {
            file.Dispose();
        }
    }
}
