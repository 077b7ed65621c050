using System.IO.Enumeration;
using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>The part of a model that a job trains: what changes and results are of. The rest is as every site received it first.</summary>
public static class TrainedTensors
{
    /// <summary>Whether a job leaves a tensor as it is.</summary>
    public static bool IsFrozen(JobTraining training, string name) =>
        training.Freeze is { } patterns && patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));

    /// <summary>The tensors of a model that are trained; the model itself where none is frozen.</summary>
    public static TensorSource Of(TensorSource model, JobTraining training) => training.Freeze is null
        ? model
        : new SelectedTensors(model, Enumerable.Range(0, model.Manifest.Count).Where(place => !IsFrozen(training, model.Manifest[place].Spec.Name)));

    /// <summary>A model with new values for its trained tensors; these alone where they are all.</summary>
    /// <param name="model">The model.</param>
    /// <param name="trained">Some of its tensors.</param>
    /// <exception cref="TensorFormatException">One of them is not the model's.</exception>
    public static TensorSource Put(TensorSource model, TensorSource trained) =>
        trained.Manifest.Count == model.Manifest.Count ? trained : new Overlay(model, trained);

    /// <summary>What a job wants frozen that no tensor of the model is; null where every pattern has one, and one tensor at least is trained.</summary>
    public static string? Refuse(JobTraining training, TensorManifest model)
    {
        if (training.Freeze is not { } patterns)
        {
            return null;
        }

        if (patterns.FirstOrDefault(pattern => !model.Any(entry => FileSystemName.MatchesSimpleExpression(pattern, entry.Spec.Name, ignoreCase: false))) is { } idle)
        {
            return $"train.freeze: no tensor of the model is named '{idle}'; its tensors are named such as '{model[0].Spec.Name}'";
        }

        return model.All(entry => IsFrozen(training, entry.Spec.Name) || !entry.Spec.DType.IsTrainable())
            ? "train.freeze: every tensor of the model is frozen, so there is nothing to train; leave some out"
            : null;
    }

    private sealed class Overlay : TensorSource
    {
        private readonly TensorSource _model;
        private readonly TensorSource _trained;
        private readonly int[] _places;

        public Overlay(TensorSource model, TensorSource trained)
        {
            (_model, _trained) = (model, trained);
            _places = Manifests.AlignSome(model.Manifest, trained.Manifest);
            Manifest = new TensorManifest(model.Manifest.Select((entry, place) => _places[place] < 0 ? entry : trained.Manifest[_places[place]]));
        }

        public override TensorManifest Manifest { get; }

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            int place = _places[tile.Tensor];
            (place < 0 ? _model : _trained).Read(place < 0 ? tile : tile with { Tensor = place }, offset, destination);
        }
    }
}
