using System.Text.Json.Nodes;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Checkpoints;

/// <summary>The sizes of a transformer: which tensors it has, what new ones are drawn from, and the config.json that describes it.</summary>
public abstract record ModelArchitecture
{
    /// <summary>The tokens.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The layers.</summary>
    public required int Layers { get; init; }

    /// <summary>The query heads of a layer.</summary>
    public required int Heads { get; init; }

    /// <summary>The elements of a head.</summary>
    public required int HeadLength { get; init; }

    /// <summary>The width within the MLP.</summary>
    public required int Intermediate { get; init; }

    /// <summary>The longest sequence in tokens.</summary>
    public required int Positions { get; init; }

    /// <summary>The width of the residual stream: all heads beside each other.</summary>
    public int Hidden => Heads * HeadLength;

    /// <summary>The elements of all tensors but masks.</summary>
    public long ParameterCount => Tensors(DType.F32).Where(entry => !Distribution(entry.Spec).IsCausalMask).Sum(entry => entry.Spec.ElementCount);

    /// <summary>The tensors in the usual order, all of one type.</summary>
    public abstract TensorManifest Tensors(DType dtype);

    /// <summary>What a new tensor of this architecture is drawn from.</summary>
    public abstract WeightDistribution Distribution(TensorSpec tensor);

    /// <summary>The content of config.json as Hugging Face has it, for weights of that type.</summary>
    public abstract JsonObject Config(DType dtype);

    /// <summary>The same with heads of another length, and what else belongs to the width but the MLP and the vocabulary.</summary>
    /// <param name="headLength">The elements of a head.</param>
    /// <param name="width">The new width as a share of this one's.</param>
    internal abstract ModelArchitecture Narrowed(int headLength, double width);

    /// <summary>A token's id, or null where this vocabulary has no such token.</summary>
    protected int? Token(int id) => id < Vocabulary ? id : null;
}
