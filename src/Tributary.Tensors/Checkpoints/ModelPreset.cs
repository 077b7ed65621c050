namespace Tributary.Tensors.Checkpoints;

/// <summary>Well-known models: names, shapes and types of their tensors as they are published, without any weights.</summary>
/// <param name="Name">The name.</param>
/// <param name="Architecture">The sizes.</param>
/// <param name="DType">The usual type of the weights.</param>
public sealed record ModelPreset(string Name, ModelArchitecture Architecture, DType DType)
{
    private const int Llama3Vocabulary = 128256;
    private const int Llama3Bos = 128000;
    private const int Llama3Eos = 128001;

    /// <summary>All presets.</summary>
    public static IReadOnlyList<ModelPreset> All { get; } =
    [
        // As the paper counts it (arXiv 2511.16450): 147 tensors, lm_head sent beside the embedding that it is tied to.
        new("llama-3.2-1b", DType: DType.F32, Architecture: new LlamaArchitecture
        {
            Vocabulary = Llama3Vocabulary,
            Layers = 16,
            Heads = 32,
            HeadLength = 64,
            KeyValueHeads = 8,
            Intermediate = 8192,
            Positions = 131072,
            SeparateHead = true,
            RopeTheta = 500000,
            RopeFactor = 32,
            BosToken = Llama3Bos,
            EosToken = Llama3Eos,
        }),
        new("llama-3.1-8b", DType: DType.BF16, Architecture: new LlamaArchitecture
        {
            Vocabulary = Llama3Vocabulary,
            Layers = 32,
            Heads = 32,
            HeadLength = 128,
            KeyValueHeads = 8,
            Intermediate = 14336,
            Positions = 131072,
            SeparateHead = true,
            RopeTheta = 500000,
            RopeFactor = 8,
            BosToken = Llama3Bos,
            EosToken = Llama3Eos,
        }),

        // 774,030,080 parameters, and the causal masks of its 36 layers, which the published file of 3.2 GB holds too.
        new("gpt2-large", DType: DType.F32, Architecture: new Gpt2Architecture
        {
            Vocabulary = 50257,
            Layers = 36,
            Heads = 20,
            HeadLength = 64,
            Intermediate = 4 * 1280,
            Positions = 1024,
        }),
        new("stories260k", DType: DType.F32, Architecture: new LlamaArchitecture
        {
            Vocabulary = 512,
            Layers = 5,
            Heads = 8,
            HeadLength = 8,
            KeyValueHeads = 4,
            Intermediate = 172,
            Positions = 512,
            SeparateHead = false,
            RopeTheta = 10000,
            BosToken = 1,
            EosToken = 2,
        }),
        new("stories15m", DType: DType.F32, Architecture: new LlamaArchitecture
        {
            Vocabulary = 32000,
            Layers = 6,
            Heads = 6,
            HeadLength = 48,
            KeyValueHeads = 6,
            Intermediate = 768,
            Positions = 256,
            SeparateHead = false,
            RopeTheta = 10000,
            BosToken = 1,
            EosToken = 2,
        }),
    ];

    /// <summary>The tensors.</summary>
    public TensorManifest Manifest => Architecture.Tensors(DType);

    /// <summary>The preset of that name, or null.</summary>
    public static ModelPreset? Find(string name) => All.FirstOrDefault(preset => preset.Name == name);
}
