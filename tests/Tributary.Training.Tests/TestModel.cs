namespace Tributary.Training.Tests;

internal static class TestModel
{
    /// <summary>A small model for <see cref="TestTokenizer"/>.</summary>
    public static LlamaConfig Config { get; } = new()
    {
        HiddenSize = 24, IntermediateSize = 40, LayerCount = 2, HeadCount = 4, KeyValueHeadCount = 2, HeadLength = 6, VocabularySize = 310,
        PositionsMax = 128, TiedEmbeddings = true, BosTokenId = 1, EosTokenIds = [2],
    };
}
