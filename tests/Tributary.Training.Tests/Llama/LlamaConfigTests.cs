using System.Text.Json.Nodes;

namespace Tributary.Training.Tests.Llama;

public sealed class LlamaConfigTests
{
    private const string Valid = """
        {"model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 5, "num_attention_heads": 8,
         "num_key_value_heads": 4, "vocab_size": 512, "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
         "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "rope_scaling": null}
        """;

    [Fact]
    public void A_configuration_is_read_as_transformers_reads_it()
    {
        LlamaConfig config = Load(Valid);
        config.HiddenSize.ShouldBe(64);
        config.IntermediateSize.ShouldBe(172);
        config.LayerCount.ShouldBe(5);
        (config.HeadCount, config.KeyValueHeadCount, config.HeadLength).ShouldBe((8, 4, 8));
        (config.VocabularySize, config.PositionsMax).ShouldBe((512, 512));
        (config.NormEpsilon, config.RopeTheta, config.TiedEmbeddings).ShouldBe((1e-5f, 10000.0, true));
        config.BosTokenId.ShouldBe(1);
        config.EosTokenIds.ShouldBe([2]);
    }

    [Fact]
    public void Keys_that_may_be_left_out_have_transformers_defaults()
    {
        LlamaConfig config = Load("""
            {"model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 5, "num_attention_heads": 8,
             "vocab_size": 512, "head_dim": 10}
            """);
        (config.KeyValueHeadCount, config.HeadLength, config.PositionsMax).ShouldBe((8, 10, 2048));
        (config.NormEpsilon, config.RopeTheta, config.TiedEmbeddings, config.BosTokenId).ShouldBe((1e-6f, 10000.0, false, null));
        config.EosTokenIds.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("eos_token_id", "[2, 3]")]
    [InlineData("rope_parameters", """{"rope_type": "default", "rope_theta": 500000.0}""")]
    public void Newer_ways_to_write_a_key_are_read_too(string key, string value)
    {
        LlamaConfig config = Load(With(key, value));
        if (key == "eos_token_id")
        {
            config.EosTokenIds.ShouldBe([2, 3]);
        }
        else
        {
            config.RopeTheta.ShouldBe(500000);
        }
    }

    [Theory]
    [InlineData("rope_scaling")]
    [InlineData("rope_parameters")]
    public void Llama_3_1s_stretching_is_read_from_either_place(string key) =>
        Load(With(key, """{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}"""))
            .RopeScaling.ShouldBe(new RopeScaling(8, 1, 4, 8192));

    [Theory]
    [InlineData("model_type", "\"mistral\"")]
    [InlineData("model_type", "null")]
    [InlineData("hidden_act", "\"gelu\"")]
    [InlineData("attention_bias", "true")]
    [InlineData("mlp_bias", "true")]
    [InlineData("mlp_bias", "1")]
    [InlineData("rope_scaling", """{"rope_type": "llama3"}""")]
    [InlineData("rope_scaling", """{"type": "linear", "factor": 2.0}""")]
    [InlineData("rope_scaling", """{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}""")]
    [InlineData("rope_parameters", """{"rope_type": "yarn"}""")]
    [InlineData("hidden_size", "null")]
    [InlineData("hidden_size", "63")]
    [InlineData("hidden_size", "-64")]
    [InlineData("hidden_size", "\"64\"")]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("head_dim", "7")]
    [InlineData("rms_norm_eps", "0")]
    [InlineData("eos_token_id", "512")]
    [InlineData("bos_token_id", "\"<s>\"")]
    public void What_is_not_supported_is_refused_with_the_file_and_the_key(string key, string value)
    {
        string message = Should.Throw<ModelFormatException>(() => Load(With(key, value))).Message;
        message.ShouldContain("config.json: " + key);
    }

    [Fact]
    public void A_folder_without_a_configuration_is_named()
    {
        using var folder = new TestFolder();
        string message = Should.Throw<ModelFormatException>(() => LlamaConfig.Load(folder.Path)).Message;
        message.ShouldContain(folder.Path);
        message.ShouldContain("config.json");
    }

    private static string With(string key, string value)
    {
        JsonObject root = JsonNode.Parse(Valid)!.AsObject();
        root[key] = JsonNode.Parse(value);
        return root.ToJsonString();
    }

    private static LlamaConfig Load(string json)
    {
        using var folder = new TestFolder();
        folder.Write("config.json", json);
        return LlamaConfig.Load(folder.Path);
    }
}
