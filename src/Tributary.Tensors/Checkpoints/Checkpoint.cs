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

    private readonly Part[] _parts;
    private readonly (int Part, int Tensor)[] _places;

    private Checkpoint(Part[] parts)
    {
        _parts = parts;
        _places = [.. parts.SelectMany((part, p) => Enumerable.Range(0, part.Tensors.Manifest.Count).Select(t => (p, t)))];
        Manifest = new TensorManifest(parts.SelectMany(part => part.Tensors.Manifest));
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override bool IsStored => _parts.All(part => part.Tensors.IsStored);

    /// <summary>The paths of its weight files, in the order of its tensors.</summary>
    public IReadOnlyList<string> Files => [.. _parts.Select(part => part.Path)];

    /// <summary>Opens a checkpoint of plain safetensors files.</summary>
    /// <param name="path">A .safetensors file or a folder.</param>
    /// <exception cref="FileNotFoundException">There are no weights there; the message says what was looked for.</exception>
    /// <exception cref="TensorFormatException">A file is malformed, or the index and the shards disagree.</exception>
    public static Checkpoint Open(string path) => Open(path, SafetensorsFile.Open);

    /// <summary>Opens a checkpoint whose files are read in the caller's way.</summary>
    /// <param name="path">A .safetensors file or a folder.</param>
    /// <param name="openFile">Opens one of its files.</param>
    /// <exception cref="FileNotFoundException">There are no weights there; the message says what was looked for.</exception>
    /// <exception cref="TensorFormatException">A file is malformed, or the index and the shards disagree.</exception>
    public static Checkpoint Open(string path, Func<string, TensorSource> openFile)
    {
        if (File.Exists(path))
        {
            return new Checkpoint([new Part(path, openFile(path))]);
        }

        string single = Path.Combine(path, FileName);
        if (File.Exists(single))
        {
            return new Checkpoint([new Part(single, openFile(single))]);
        }

        string index = Path.Combine(path, IndexName);
        return File.Exists(index)
            ? OpenShards(path, index, openFile)
            : throw new FileNotFoundException($"{path}: no weights there; expected a .safetensors file, or a folder with {FileName} or {IndexName}");
    }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        (int part, int tensor) = _places[tile.Tensor];
        _parts[part].Tensors.Read(tile with { Tensor = tensor }, offset, destination);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Close(_parts);
        base.Dispose(disposing);
    }

    private static Checkpoint OpenShards(string folder, string index, Func<string, TensorSource> openFile)
    {
        Dictionary<string, string> shardByTensor = ReadIndex(index);
        var parts = new List<Part>();
        try
        {
            foreach (string shard in shardByTensor.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                if (shard != Path.GetFileName(shard))
                {
                    throw new TensorFormatException($"{index}: shard '{shard}' is not a plain file name");
                }

                string path = Path.Combine(folder, shard);
                parts.Add(File.Exists(path) ? new Part(path, openFile(path)) : throw new TensorFormatException($"{index}: names shard '{shard}', which is not in the folder"));
            }

            CheckAgainstIndex(index, shardByTensor, parts);
            return new Checkpoint([.. parts]);
        }
        catch
        {
            Close(parts);
            throw;
        }
    }

    private static void CheckAgainstIndex(string index, Dictionary<string, string> shardByTensor, List<Part> parts)
    {
        var missing = new HashSet<string>(shardByTensor.Keys, StringComparer.Ordinal);
        foreach (Part part in parts)
        {
            string shard = Path.GetFileName(part.Path);
            foreach (TensorEntry entry in part.Tensors.Manifest)
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

    private static void Close(IEnumerable<Part> parts)
    {
        foreach (Part part in parts)
        {
            part.Tensors.Dispose();
        }
    }

    private sealed record Part(string Path, TensorSource Tensors);
}
