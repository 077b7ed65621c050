using Tributary.Tensors;
using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>A Llama's weights in fp32 memory: what is trained, evaluated and generates text.</summary>
/// <remarks>Not for several threads at once, but for reading: train, evaluate, generate or overwrite a model one after the other.</remarks>
public sealed class LlamaModel : TrainableModel
{
    /// <summary>Allocates; the view has the tensors in the order given, or in that of LlamaForCausalLM.</summary>
    private LlamaModel(LlamaConfig config, IEnumerable<string>? order)
    {
        Config = config;
        Tensors = new LlamaTensors(config);
        var byName = Tensors.All.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        byName.TryAdd(LlamaTensors.HeadName, Tensors.All[0]); // a tied head's name is another name of the embedding
        Weights = new ParameterView((order ?? Tensors.All.Select(tensor => tensor.Name)).Where(byName.ContainsKey).Select(name => (name, byName[name])));
    }

    /// <inheritdoc/>
    public override LlamaConfig Config { get; }

    /// <summary>All weights, in the order of the source they were loaded from; a view, as of every <see cref="TrainableModel"/>.</summary>
    public override TensorSource Weights { get; }

    internal LlamaTensors Tensors { get; }

    internal override LlamaTensors Llama => Tensors;

    internal override ParameterSet Trained => Tensors;

    /// <summary>Refuses tensors that are not those of a Llama of this configuration, before anything is read.</summary>
    /// <exception cref="TensorFormatException">A tensor is missing, not expected, misshapen, or not of a float type.</exception>
    public static void RequireFits(LlamaConfig config, TensorManifest tensors) => CheckpointTensors.RequireFits(config, tensors);

    /// <summary>Copies a checkpoint's weights to memory, widened to fp32.</summary>
    /// <param name="config">The sizes, from the same folder.</param>
    /// <param name="source">
    /// Dense F32, F16 or BF16 tensors with the names and shapes of Hugging Face's LlamaForCausalLM. Where embeddings are tied,
    /// lm_head.weight may be left out; if it is there its values are not read, and <see cref="Weights"/> gives the embedding under
    /// both names.
    /// </param>
    /// <exception cref="TensorFormatException">A tensor is missing, not expected, misshapen, or not of these types.</exception>
    public static LlamaModel Load(LlamaConfig config, TensorSource source)
    {
        RequireFits(config, source.Manifest);
        var model = new LlamaModel(config, source.Manifest.Select(entry => entry.Spec.Name));
        try
        {
            model.CopyFrom(source);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes a model that has learnt nothing: matrices normal with standard deviation 0.02, norms 1. The same seed gives the same
    /// weights on the same machine.
    /// </summary>
    public static LlamaModel Create(LlamaConfig config, ulong seed)
    {
        var model = new LlamaModel(config, order: null);
        var random = new SplitMix64(seed);
        foreach (LlamaTensor tensor in model.Tensors.All)
        {
            for (long i = 0; i < tensor.Buffer.Length; i++)
            {
                tensor.Buffer.Span(i, 1)[0] = tensor.Kind == ParameterKind.Norm ? 1 : 0.02f * random.NextNormal();
            }
        }

        return model;
    }

    /// <summary>Overwrites all weights.</summary>
    /// <param name="source">Tensors as for <see cref="Load"/>, in any order.</param>
    /// <exception cref="TensorFormatException">As for <see cref="Load"/>; a mismatch is found before anything is overwritten.</exception>
    public override void CopyFrom(TensorSource source)
    {
        int[] places = CheckpointTensors.Match(Config, Tensors, source.Manifest);
        for (int i = 0; i < places.Length; i++)
        {
            CheckpointTensors.Copy(source, places[i], Tensors.All[i].Buffer);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Weights.Dispose();
        Tensors.Dispose();
    }

    internal override ParameterSet NewGradients() => new LlamaTensors(Config);
}
