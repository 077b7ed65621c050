using Tributary.Tensors;

namespace Tributary.Training;

/// <summary>
/// Low-rank adapters: beside a linear layer's matrix W, which stays as it is, stand A of rank rows and B of rank columns, and the layer gives
/// W x + alpha / rank B A dropout(x).
/// </summary>
/// <remarks>Hu et al., "LoRA: low-rank adaptation of large language models" (2021); names and first values are those of PEFT.</remarks>
public sealed record LoraConfig
{
    private const string NamePrefix = "base_model.model.";

    /// <summary>The linear layers of a Llama that can be adapted, by the names that PEFT knows them under.</summary>
    public static IReadOnlyList<string> AllTargets { get; } = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>The rows of A and columns of B; at least 1.</summary>
    public required int Rank { get; init; }

    /// <summary>What the adapters' output is scaled with, by rank; above 0.</summary>
    public required double Alpha { get; init; }

    /// <summary>The layers that are adapted, some of <see cref="AllTargets"/>, each once.</summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>The share of A's inputs that is left out at random in training; at least 0, below 1. Default 0.</summary>
    public double Dropout { get; init; }

    /// <summary>What B A is multiplied by.</summary>
    public double Scaling => Alpha / Rank;

    /// <summary>The name of the matrix A beside a weight, as PEFT saves it.</summary>
    public static string NameOfA(string weight) => NamePrefix + weight[..^"weight".Length] + "lora_A.weight";

    /// <summary>The name of the matrix B beside a weight, as PEFT saves it.</summary>
    public static string NameOfB(string weight) => NamePrefix + weight[..^"weight".Length] + "lora_B.weight";

    /// <summary>Checks everything.</summary>
    /// <exception cref="ArgumentException">Something is out of range; the message lists all of it.</exception>
    public void Validate()
    {
        var errors = new List<string>();
        if (Rank < 1)
        {
            errors.Add($"the rank is {Rank}; it must be at least 1");
        }

        if (!(Alpha > 0 && double.IsFinite(Alpha)))
        {
            errors.Add($"alpha is {Alpha}; it must be above 0");
        }

        if (Dropout is not (>= 0 and < 1))
        {
            errors.Add($"dropout is {Dropout}; it must be at least 0 and below 1");
        }

        if (Targets.Count == 0 || Targets.Distinct(StringComparer.Ordinal).Count() < Targets.Count || Targets.Any(target => !AllTargets.Contains(target)))
        {
            errors.Add($"the targets are {string.Join(", ", Targets)}; they must be some of {string.Join(", ", AllTargets)}, each once");
        }

        if (errors.Count > 0)
        {
            throw new ArgumentException($"LoRA: {string.Join("; ", errors)}.");
        }
    }

    /// <summary>The adapters' tensors for a model, F32, A before B, layer by layer.</summary>
    public IReadOnlyList<TensorSpec> Tensors(LlamaConfig model) =>
        [.. LoraTensors.Places(model, this).SelectMany(place => new[] { place.SpecOfA(Rank), place.SpecOfB(Rank) })];
}
