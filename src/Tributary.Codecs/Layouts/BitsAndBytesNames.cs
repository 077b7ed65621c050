using System.Text.Json;
using System.Text.Json.Serialization;
using Tributary.Codecs.Levels;

namespace Tributary.Codecs.Layouts;

/// <summary>
/// The tensors that bitsandbytes and Hugging Face checkpoints keep for a weight W that is quantized in blocks: <c>W</c> (the codes),
/// <c>W.absmax</c> (the scales), <c>W.quant_map</c> (the levels) and for 4 bits <c>W.quant_state.bitsandbytes__nf4</c> or <c>__fp4</c>
/// (type, block, dtype and shape as JSON). Source: bitsandbytes, functional.QuantState.as_dict(packed=True).
/// </summary>
internal static class BitsAndBytesNames
{
    public const string Absmax = ".absmax";
    public const string QuantMap = ".quant_map";
    public const string QuantState = ".quant_state.bitsandbytes__";

    /// <summary>The precisions that the layout holds, with their levels in the order of the codes.</summary>
    public static IReadOnlyDictionary<string, float[]> LevelsByPrecision { get; } = new Dictionary<string, float[]>(StringComparer.Ordinal)
    {
        [Precision.Int8.Name] = [.. DynamicLevels.Table.Values],
        [Precision.Fp4.Name] = [.. Fp4Levels.Table.Values],
        [Precision.Nf4.Name] = [.. Nf4Levels.Table.Values],
    };
}

/// <summary>What bitsandbytes packs into a tensor of its own.</summary>
internal sealed record BitsAndBytesState(
    [property: JsonPropertyName("quant_type")] string QuantType,
    [property: JsonPropertyName("blocksize")] int BlockSize,
    [property: JsonPropertyName("dtype")] string Dtype,
    [property: JsonPropertyName("shape")] long[] Shape)
{
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, BitsAndBytesJson.Default.BitsAndBytesState);
}

[JsonSourceGenerationOptions(RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(BitsAndBytesState))]
internal sealed partial class BitsAndBytesJson : JsonSerializerContext;
