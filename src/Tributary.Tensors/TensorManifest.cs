using System.Collections;
using System.Collections.Frozen;

namespace Tributary.Tensors;

/// <summary>The tensors of a source, in a fixed order, each name once.</summary>
public sealed class TensorManifest : IReadOnlyList<TensorEntry>
{
    private readonly TensorEntry[] _entries;
    private readonly FrozenDictionary<string, int> _byName;

    /// <summary>Makes a manifest.</summary>
    /// <exception cref="TensorFormatException">A name stands twice.</exception>
    public TensorManifest(IEnumerable<TensorEntry> entries)
    {
        _entries = [.. entries];
        var byName = new Dictionary<string, int>(_entries.Length, StringComparer.Ordinal);
        for (int i = 0; i < _entries.Length; i++)
        {
            if (!byName.TryAdd(_entries[i].Spec.Name, i))
            {
                throw new TensorFormatException($"tensor '{_entries[i].Spec.Name}' stands twice");
            }
        }

        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The number of tensors.</summary>
    public int Count => _entries.Length;

    /// <summary>The sum of all tensors' elements.</summary>
    public long ElementCount => _entries.Sum(entry => entry.Spec.ElementCount);

    /// <summary>The sum of all tensors' bytes as this source gives them.</summary>
    public long ByteLength => _entries.Sum(entry => entry.ByteLength);

    /// <summary>Whether every tensor's tiles are its elements themselves.</summary>
    public bool IsDense => _entries.All(entry => entry.IsDense);

    /// <summary>A tensor by its place.</summary>
    public TensorEntry this[int index] => _entries[index];

    /// <summary>The place of the tensor of that name, or -1.</summary>
    public int IndexOf(string name) => _byName.TryGetValue(name, out int index) ? index : -1;

    /// <summary>All tiles in order.</summary>
    public IEnumerable<Tile> Tiles()
    {
        for (int tensor = 0; tensor < _entries.Length; tensor++)
        {
            for (long index = 0; index < _entries[tensor].Spec.TileCount; index++)
            {
                yield return new Tile(tensor, index);
            }
        }
    }

    /// <inheritdoc/>
    public IEnumerator<TensorEntry> GetEnumerator() => ((IEnumerable<TensorEntry>)_entries).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
