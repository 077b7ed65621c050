namespace Tributary.Tensors;

/// <summary>Some tensors of a source, by their places there.</summary>
public sealed class SelectedTensors : TensorSource
{
    private readonly TensorSource _source;
    private readonly int[] _places;

    /// <summary>Makes the view.</summary>
    public SelectedTensors(TensorSource source, IEnumerable<int> places)
    {
        _source = source;
        _places = [.. places];
        Manifest = new TensorManifest(_places.Select(place => source.Manifest[place]));
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination) =>
        _source.Read(tile with { Tensor = _places[tile.Tensor] }, offset, destination);
}
