using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// A model and other tensors that travel with it, as one source: their names have a prefix. So what filters, messages and deltas do with a
/// model they do with both.
/// </summary>
public sealed class JoinedSource : TensorSource
{
    private readonly TensorSource _model;
    private readonly TensorSource _companion;

    /// <summary>Makes the view.</summary>
    /// <param name="model">The model; none of its tensors' names begins with the prefix.</param>
    /// <param name="companion">What travels with it.</param>
    /// <param name="prefix">Stands before the companion's names.</param>
    public JoinedSource(TensorSource model, TensorSource companion, string prefix)
    {
        _model = model;
        _companion = companion;
        Manifest = new TensorManifest([.. model.Manifest, .. companion.Manifest.Select(entry => entry with { Spec = entry.Spec with { Name = prefix + entry.Spec.Name } })]);
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (tile.Tensor < _model.Manifest.Count)
        {
            _model.Read(tile, offset, destination);
            return;
        }

        _companion.Read(tile with { Tensor = tile.Tensor - _model.Manifest.Count }, offset, destination);
    }

    /// <summary>The model's tensors of a joined source.</summary>
    public static TensorSource ModelOf(TensorSource joined, string prefix) =>
        new SelectedTensors(joined, Enumerable.Range(0, joined.Manifest.Count).Where(place => !joined.Manifest[place].Spec.Name.StartsWith(prefix, StringComparison.Ordinal)));

    /// <summary>The companion's tensors of a joined source, under their own names.</summary>
    public static TensorSource CompanionOf(TensorSource joined, string prefix) => new Companion(joined, prefix);

    private sealed class Companion : TensorSource
    {
        private readonly SelectedTensors _selected;

        public Companion(TensorSource joined, string prefix)
        {
            _selected = new SelectedTensors(joined, Enumerable.Range(0, joined.Manifest.Count).Where(place => joined.Manifest[place].Spec.Name.StartsWith(prefix, StringComparison.Ordinal)));
            Manifest = new TensorManifest(_selected.Manifest.Select(entry => entry with { Spec = entry.Spec with { Name = entry.Spec.Name[prefix.Length..] } }));
        }

        public override TensorManifest Manifest { get; }

        public override void Read(Tile tile, int offset, Span<byte> destination) => _selected.Read(tile, offset, destination);
    }
}
