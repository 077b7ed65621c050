using Tributary.Training.Operations;

namespace Tributary.Training;

/// <summary>Lets a model continue a text.</summary>
public static class TextGenerator
{
    /// <summary>Continues a prompt, token by token, until the model ends the text, there are enough tokens or no more positions.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">
    /// The text to continue, as it stands.
    /// </param>
    /// <param name="tokens">The most tokens to generate.</param>
    /// <param name="temperature">What logits are divided by before sampling; at 0 the likeliest token is taken. At least 0.</param>
    /// <param name="seed">The seed of the sampling.</param>
    /// <returns>Pieces of text as they come, without the prompt; characters are whole. Nothing is computed before they are asked for.</returns>
    /// <exception cref="ArgumentException">
    /// The tokenizer does not fit the model, the prompt is longer than its positions, or a number is out of range.
    /// </exception>
    public static IEnumerable<string> Generate(
        LlamaModel model, Tokenizer tokenizer, string prompt, int tokens, double temperature, ulong seed) =>
        Generate(model, tokenizer, tokenizer.Encode(prompt, addBos: true), continuing: prompt.Length > 0, tokens, temperature, seed);

    /// <summary>Answers a prompt in tokens, as <see cref="PromptTemplate"/> or a <see cref="ChatTemplate"/> makes them for an instruction.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">The tokens to answer.</param>
    /// <param name="tokens">The most tokens to generate.</param>
    /// <param name="temperature">As for a text.</param>
    /// <param name="seed">The seed of the sampling.</param>
    /// <param name="end">A token that ends an answer beside those of the tokenizer and of the model's configuration.</param>
    /// <returns>Pieces of the answer as they come, without the prompt.</returns>
    /// <exception cref="ArgumentException">As for a text.</exception>
    public static IEnumerable<string> Answer(
        LlamaModel model, Tokenizer tokenizer, int[] prompt, int tokens, double temperature, ulong seed, int? end = null) =>
        Generate(model, tokenizer, prompt, continuing: false, tokens, temperature, seed, end);

    private static IEnumerable<string> Generate(
        LlamaModel model, Tokenizer tokenizer, int[] prompt, bool continuing, int tokens, double temperature, ulong seed, int? end = null)
    {
        tokenizer.RequireFits(model.Config);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        if (!(temperature >= 0 && double.IsFinite(temperature)))
        {
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "The temperature is at least 0.");
        }

        if (prompt.Length > model.Config.PositionsMax)
        {
            throw new ArgumentException(
                $"The prompt has {prompt.Length} tokens and the model {model.Config.PositionsMax} positions: shorten it.", nameof(prompt));
        }

        HashSet<int> ends = [tokenizer.EosId, end ?? tokenizer.EosId, .. model.Config.EosTokenIds];
        return Continue(model, tokenizer, prompt, continuing, tokens, temperature, ends, new SplitMix64(seed));
    }

    private static IEnumerable<string> Continue(
        LlamaModel model, Tokenizer tokenizer, int[] prompt, bool continuing, int tokens, double temperature, HashSet<int> ends, SplitMix64 random)
    {
        int positions = (int)Math.Min(model.Config.PositionsMax, prompt.Length + (long)tokens);
        using var decoder = new LlamaDecoder(model, positions);
        var text = new TokenDecoder(tokenizer, continuing);
        int token = -1;
        foreach (int known in prompt)
        {
            token = Choose(decoder.Next(known), temperature, random);
        }

        for (int i = 0; i < tokens && !ends.Contains(token); i++)
        {
            string piece = token < tokenizer.VocabularySize ? text.Add(token) : "";
            if (piece.Length > 0)
            {
                yield return piece;
            }

            if (prompt.Length + i >= positions || i + 1 == tokens)
            {
                break;
            }

            token = Choose(decoder.Next(token), temperature, random);
        }

        string rest = text.Flush();
        if (rest.Length > 0)
        {
            yield return rest;
        }
    }

    private static int Choose(Span<float> logits, double temperature, SplitMix64 random)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }

        if (temperature == 0)
        {
            return best;
        }

        float max = logits[best];
        VectorMath.Scale(logits, (float)(1 / temperature));
        double rest = random.NextDouble() * VectorMath.ExpInPlace(logits, (float)(max / temperature));
        for (int i = 0; i < logits.Length; i++)
        {
            rest -= logits[i];
            if (rest < 0)
            {
                return i;
            }
        }

        return best;
    }
}
