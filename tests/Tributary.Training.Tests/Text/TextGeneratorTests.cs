using Tributary.Tensors.Safetensors;
using Tributary.Training.Memory;

namespace Tributary.Training.Tests.Text;

public sealed class TextGeneratorTests
{
    private readonly Tokenizer _tokenizer = TestTokenizer.Load();

    [Fact]
    public void A_trained_model_continues_a_story_as_it_does_elsewhere()
    {
        string folder = SharedFolder.Find("models/stories260K");
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using LlamaModel model = LlamaModel.Load(LlamaConfig.Load(folder), file);
        string text = string.Concat(TextGenerator.Generate(model, Tokenizer.Load(folder), "Once upon a time", 40, 0, 0));
        text.ShouldStartWith(
            ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.");
    }

    [Fact]
    public void One_token_at_a_time_gives_the_losses_that_whole_sequences_give()
    {
        using LlamaModel model = LlamaModel.Create(TestModel.Config, 4);
        foreach (LlamaTensor tensor in model.Tensors.All.Where(tensor => tensor.Kind != ParameterKind.Norm))
        {
            foreach (ref float value in tensor.Buffer.Span(0, (int)tensor.Buffer.Length))
            {
                value *= 12; // far enough from uniform that a mistake would show
            }
        }

        int[] tokens = [1, .. _tokenizer.Encode("hello a zebra 🦅 and hello again", addBos: false)];
        using var decoder = new LlamaDecoder(model, tokens.Length);
        double expected = 0;
        for (int i = 0; i + 1 < tokens.Length; i++)
        {
            float[] logits = decoder.Next(tokens[i]).ToArray();
            expected += Math.Log(logits.Sum(logit => Math.Exp(logit))) - logits[tokens[i + 1]];
        }

        using var workers = new Workers(1);
        using var pass = new LlamaPass(model, tokens.Length, tokens.Length, forTraining: false, workers);
        var batch = new TokenBatch(1, tokens.Length);
        batch.Add(tokens, 1);
        pass.Loss(batch).ShouldBe(expected, 1e-4 * expected);
    }

    [Fact]
    public void The_same_seed_gives_the_same_text_and_another_seed_another()
    {
        using LlamaModel model = LlamaModel.Create(TestModel.Config, 4);
        string Text(ulong seed) => string.Concat(TextGenerator.Generate(model, _tokenizer, "hello", 30, 1, seed));
        Text(1).ShouldBe(Text(1));
        Text(1).ShouldNotBe(Text(2));
    }

    [Fact]
    public void Generation_stops_at_the_end_of_the_text()
    {
        using LlamaModel model = LlamaModel.Create(TestModel.Config, 4);
        string all = string.Concat(TextGenerator.Generate(model, _tokenizer, "hello", 20, 0, 1));
        all.ShouldNotBeEmpty();
        using LlamaModel ending = LlamaModel.Load(
            model.Config with { EosTokenIds = [.. Enumerable.Range(0, model.Config.VocabularySize)] }, model.Weights);
        TextGenerator.Generate(ending, _tokenizer, "hello", 20, 0, 1).ShouldBeEmpty();
    }

    [Fact]
    public void Generation_stops_where_the_model_has_no_more_positions()
    {
        using LlamaModel model = LlamaModel.Create(TestModel.Config with { PositionsMax = 4, EosTokenIds = [] }, 4);
        TextGenerator.Generate(model, _tokenizer, "hello", 1000, 0, 1).Count().ShouldBeLessThanOrEqualTo(3);
        Should.Throw<ArgumentException>(() => TextGenerator.Generate(model, _tokenizer, "zebra zebra", 1, 0, 1)).Message.ShouldContain("4 positions");
    }

    [Fact]
    public void Numbers_out_of_range_are_refused_at_once()
    {
        using LlamaModel model = LlamaModel.Create(TestModel.Config, 4);
        Should.Throw<ArgumentOutOfRangeException>(() => TextGenerator.Generate(model, _tokenizer, "a", -1, 0, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => TextGenerator.Generate(model, _tokenizer, "a", 1, double.NaN, 1));
    }
}
