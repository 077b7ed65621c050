using System.Text.Json;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Training;

/// <summary>The sizes and constants of a Llama, as its config.json gives them.</summary>
/// <remarks>The keys are those of Hugging Face's LlamaConfig; <see cref="Load"/> says what is refused.</remarks>
public sealed record LlamaConfig
{
    /// <summary>The length of a row between the layers (<c>hidden_size</c>).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>The length of a row inside the feed-forward part (<c>intermediate_size</c>).</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>The number of layers (<c>num_hidden_layers</c>).</summary>
    public required int LayerCount { get; init; }

    /// <summary>The number of query heads (<c>num_attention_heads</c>).</summary>
    public required int HeadCount { get; init; }

    /// <summary>The number of key and value heads, a divisor of <see cref="HeadCount"/> (<c>num_key_value_heads</c>).</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>The elements of a head, an even number (<c>head_dim</c>, or hidden size by heads).</summary>
    public required int HeadLength { get; init; }

    /// <summary>The number of token ids (<c>vocab_size</c>).</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The longest sequence in tokens (<c>max_position_embeddings</c>).</summary>
    public required int PositionsMax { get; init; }

    /// <summary>What RMS norms add under the root (<c>rms_norm_eps</c>).</summary>
    public float NormEpsilon { get; init; } = 1e-6f;

    /// <summary>The base of the rotary frequencies (<c>rope_theta</c>).</summary>
    public double RopeTheta { get; init; } = 10000;

    /// <summary>How the rotary frequencies are stretched, or null (<c>rope_scaling</c>).</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether the output head is the embedding itself (<c>tie_word_embeddings</c>).</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>The token a text begins with, where the file says (<c>bos_token_id</c>).</summary>
    public int? BosTokenId { get; init; }

    /// <summary>The tokens a text ends with (<c>eos_token_id</c>: one or a list).</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Reads config.json.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="ModelFormatException">
    /// There is no config.json; a key is missing or out of range; or it asks for what is not supported: another model_type,
    /// hidden_act other than silu, attention_bias, mlp_bias, a rope_type other than llama3.
    /// </exception>
    public static LlamaConfig Load(string folder) => LlamaConfigReader.Read(folder);

    /// <summary>The sizes of a well-known model.</summary>
    /// <param name="preset">A Llama.</param>
    /// <exception cref="ModelFormatException">It is of another kind.</exception>
    public static LlamaConfig Of(ModelPreset preset)
    {
        using var document = JsonDocument.Parse(preset.Architecture.Config(preset.DType).ToJsonString());
        return LlamaConfigReader.Read(preset.Name, document.RootElement);
    }
}
