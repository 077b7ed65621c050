namespace Tributary.Tensors.Checkpoints;

/// <summary>The tensors of well-known models: names, shapes and types as they are published, without any weights.</summary>
public static class ModelPreset
{
    private static readonly Dictionary<string, Func<IReadOnlyList<TensorSpec>>> ByName = new(StringComparer.Ordinal)
    {
        // As the paper counts it: 147 tensors, lm_head sent beside the embedding that it is tied to.
        ["llama-3.2-1b"] = static () => LlamaTensorNames.Of(DType.F32, vocabulary: 128256, layers: 16, hidden: 2048, queries: 2048, keyValue: 512, intermediate: 8192, separateHead: true),
        ["llama-3.1-8b"] = static () => LlamaTensorNames.Of(DType.BF16, vocabulary: 128256, layers: 32, hidden: 4096, queries: 4096, keyValue: 1024, intermediate: 14336, separateHead: true),
        ["stories260k"] = static () => LlamaTensorNames.Of(DType.F32, vocabulary: 512, layers: 5, hidden: 64, queries: 64, keyValue: 32, intermediate: 172, separateHead: false),
    };

    /// <summary>The known names.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The tensors of the model of that name, or null.</summary>
    public static TensorManifest? Find(string name) =>
        ByName.TryGetValue(name, out Func<IReadOnlyList<TensorSpec>>? tensors) ? new TensorManifest(tensors().Select(spec => new TensorEntry(spec))) : null;
}
