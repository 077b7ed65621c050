using Tributary.Tensors;
using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>A linear layer of a Llama's layer; in the order of <see cref="LoraConfig.AllTargets"/>.</summary>
internal enum LoraTarget
{
    Query,
    Key,
    Value,
    Output,
    Gate,
    Up,
    Down,
}

/// <summary>A linear layer that is adapted.</summary>
/// <param name="Layer">The layer of the model.</param>
/// <param name="Target">Which of its linear layers.</param>
/// <param name="Weight">The name of its matrix.</param>
/// <param name="Outputs">The rows of the matrix.</param>
/// <param name="Inputs">Its columns.</param>
internal sealed record LoraPlace(int Layer, LoraTarget Target, string Weight, int Outputs, int Inputs)
{
    public TensorSpec SpecOfA(int rank) => new(LoraConfig.NameOfA(Weight), DType.F32, new TensorShape(rank, Inputs));

    public TensorSpec SpecOfB(int rank) => new(LoraConfig.NameOfB(Weight), DType.F32, new TensorShape(Outputs, rank));
}

/// <summary>The two matrices beside a linear layer.</summary>
/// <param name="A">Rank by inputs.</param>
/// <param name="B">Outputs by rank.</param>
internal readonly record struct LoraPair(Matrix A, Matrix B);

/// <summary>One buffer for every matrix of a model's adapters: their weights, or the gradients of these.</summary>
internal sealed class LoraTensors : ParameterSet
{
    private readonly LoraPair?[] _pairs;

    public LoraTensors(LlamaConfig model, LoraConfig lora)
    {
        _pairs = new LoraPair?[model.LayerCount * LoraConfig.AllTargets.Count];
        foreach (LoraPlace place in Places(model, lora))
        {
            Matrix a = Add(LoraConfig.NameOfA(place.Weight), lora.Rank, place.Inputs, ParameterKind.Linear);
            Matrix b = Add(LoraConfig.NameOfB(place.Weight), place.Outputs, lora.Rank, ParameterKind.Linear);
            _pairs[Index(place.Layer, place.Target)] = new LoraPair(a, b);
        }
    }

    /// <summary>The linear layers that are adapted, in the order of the model.</summary>
    public static IEnumerable<LoraPlace> Places(LlamaConfig model, LoraConfig lora)
    {
        int queries = model.HeadCount * model.HeadLength, keys = model.KeyValueHeadCount * model.HeadLength;
        int hidden = model.HiddenSize, inner = model.IntermediateSize;
        for (int layer = 0; layer < model.LayerCount; layer++)
        {
            foreach (LoraTarget target in Enum.GetValues<LoraTarget>())
            {
                string name = LoraConfig.AllTargets[(int)target];
                (int outputs, int inputs) = target switch
                {
                    LoraTarget.Query => (queries, hidden),
                    LoraTarget.Key or LoraTarget.Value => (keys, hidden),
                    LoraTarget.Output => (hidden, queries),
                    LoraTarget.Gate or LoraTarget.Up => (inner, hidden),
                    _ => (hidden, inner),
                };
                if (lora.Targets.Contains(name))
                {
                    string part = target <= LoraTarget.Output ? "self_attn" : "mlp";
                    yield return new LoraPlace(layer, target, $"model.layers.{layer}.{part}.{name}.weight", outputs, inputs);
                }
            }
        }
    }

    /// <summary>A number for a linear layer of the model, adapted or not; from 0.</summary>
    public static int Index(int layer, LoraTarget target) => (layer * LoraConfig.AllTargets.Count) + (int)target;

    /// <summary>The matrices beside a linear layer; nothing where it is not adapted.</summary>
    public LoraPair? Find(int layer, LoraTarget target) => _pairs[Index(layer, target)];

    /// <summary>
    /// PEFT's first values: A uniform within 1 / √inputs (Kaiming's rule with a slope of √5, as PyTorch's linear layers have it), B zero, so
    /// that the model is at first what its base is.
    /// </summary>
    public void Initialize(ulong seed)
    {
        var random = new SplitMix64(seed);
        foreach (LoraPair pair in _pairs.OfType<LoraPair>())
        {
            double bound = 1 / Math.Sqrt(pair.A.Columns);
            for (int row = 0; row < pair.A.Rows; row++)
            {
                foreach (ref float value in pair.A.Row(row))
                {
                    value = (float)(((2 * random.NextDouble()) - 1) * bound);
                }
            }

            pair.B.Clear();
        }
    }
}
