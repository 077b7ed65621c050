using System.Numerics.Tensors;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// Several sources of the same tensors, read strip by strip as fp32. What is made of them has the first one's manifest and order, its floats
/// as F32; tensors that are not floats are the first one's.
/// </summary>
internal sealed class AlignedSources
{
    private readonly TensorSource[] _sources;
    private readonly Func<int, string> _nameOf;
    private readonly int[][] _places;

    /// <summary>Finds each tensor in all sources; nothing is read yet.</summary>
    /// <param name="sources">At least one.</param>
    /// <param name="nameOf">What to call a source in errors; an update, by its place, unless told otherwise.</param>
    /// <exception cref="TensorFormatException">The sources do not hold the same tensors.</exception>
    public AlignedSources(IReadOnlyList<TensorSource> sources, Func<int, string>? nameOf = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(sources.Count);
        _sources = [.. sources];
        _nameOf = nameOf ?? (place => $"update {place + 1} of {_sources.Length}, in the order of the sites,");
        Manifest = new TensorManifest(_sources[0].Manifest.Select(entry =>
            entry.Spec.DType.IsTrainable() ? new TensorEntry(entry.Spec with { DType = DType.F32 }) : entry));
        _places = [.. _sources.Select(source => Manifests.Align(Manifest, source.Manifest))];
    }

    public int Count => _sources.Length;

    public TensorManifest Manifest { get; }

    /// <summary>A strip of one of the sources, widened exactly, whatever its values.</summary>
    public void ReadUnchecked(int source, Tile tile, int start, Span<float> values) => _sources[source].ReadFloats(At(source, tile), start, values);

    /// <summary>A strip of one of the sources, widened exactly.</summary>
    /// <exception cref="TensorFormatException">A value is NaN or infinite; the message names tensor and source.</exception>
    public void ReadFloats(int source, Tile tile, int start, Span<float> values)
    {
        ReadUnchecked(source, tile, start, values);
        if (!TensorPrimitives.IsFiniteAll(values))
        {
            throw new TensorFormatException($"tensor '{Manifest[tile.Tensor].Spec.Name}' of {_nameOf(source)} has a value that is NaN or infinite");
        }
    }

    /// <summary>Bytes of a tensor that is not floats: the first source's.</summary>
    public void ReadOther(Tile tile, int offset, Span<byte> destination) => _sources[0].Read(At(0, tile), offset, destination);

    private Tile At(int source, Tile tile) => tile with { Tensor = _places[source][tile.Tensor] };
}
