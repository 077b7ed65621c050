using Tributary.Tensors;

namespace Tributary.Training;

/// <summary>
/// A Llama whose weights stay as they are, and adapters that are trained. Several of these may share the Llama, each on its own thread: none
/// changes it. It is not disposed with them.
/// </summary>
public sealed class LoraModel : TrainableModel
{
    private readonly LlamaModel _base;

    private LoraModel(LlamaModel baseModel, LoraConfig lora)
    {
        lora.Validate();
        _base = baseModel;
        Lora = lora;
        Adapters = new LoraTensors(baseModel.Config, lora);
        Weights = new ParameterView(Adapters.All.Select(tensor => (tensor.Name, tensor)));
    }

    /// <inheritdoc/>
    public override LlamaConfig Config => _base.Config;

    /// <summary>What the adapters are.</summary>
    public LoraConfig Lora { get; }

    /// <summary>The adapters, by the names that PEFT saves them under.</summary>
    public override TensorSource Weights { get; }

    internal LoraTensors Adapters { get; }

    internal override LlamaTensors Llama => _base.Tensors;

    internal override ParameterSet Trained => Adapters;

    /// <summary>Adapters that have learnt nothing: the model is its base. The same seed gives the same on every machine.</summary>
    /// <exception cref="ArgumentException">The configuration is out of range.</exception>
    public static LoraModel Create(LlamaModel baseModel, LoraConfig lora, ulong seed)
    {
        var model = new LoraModel(baseModel, lora);
        model.Adapters.Initialize(seed);
        return model;
    }

    /// <summary>Copies adapters to memory, widened to fp32.</summary>
    /// <exception cref="ArgumentException">The configuration is out of range.</exception>
    /// <exception cref="TensorFormatException">A tensor is missing, not expected, misshapen, or not of a float type.</exception>
    public static LoraModel Load(LlamaModel baseModel, LoraConfig lora, TensorSource source)
    {
        var model = new LoraModel(baseModel, lora);
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

    /// <inheritdoc/>
    public override void CopyFrom(TensorSource source)
    {
        int[] places = [.. Adapters.All.Select(tensor => source.Manifest.IndexOf(tensor.Name))];
        for (int i = 0; i < places.Length; i++)
        {
            LlamaTensor tensor = Adapters.All[i];
            TensorEntry entry = places[i] >= 0 ? source.Manifest[places[i]] : throw new TensorFormatException($"tensor '{tensor.Name}' {tensor.Shape} is missing among the adapters");
            if (!entry.Spec.Shape.Equals(tensor.Shape) || !entry.IsDense || !entry.Spec.DType.IsTrainable())
            {
                throw new TensorFormatException(
                    $"tensor '{tensor.Name}' is {entry.Encoding.Name} {entry.Spec.DType.Name()} {entry.Spec.Shape}; adapters of rank {Lora.Rank} need a dense F32, F16 or BF16 {tensor.Shape}");
            }
        }

        if (source.Manifest.FirstOrDefault(entry => Weights.Manifest.IndexOf(entry.Spec.Name) < 0) is { } extra)
        {
            throw new TensorFormatException($"tensor '{extra.Spec.Name}' is no adapter of {string.Join(", ", Lora.Targets)} in {Config.LayerCount} layers");
        }

        for (int i = 0; i < places.Length; i++)
        {
            CheckpointTensors.Copy(source, places[i], Adapters.All[i].Buffer);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Weights.Dispose();
        Adapters.Dispose();
    }

    internal override ParameterSet NewGradients() => new LoraTensors(Config, Lora);
}
