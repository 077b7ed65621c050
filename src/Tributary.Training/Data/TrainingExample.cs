namespace Tributary.Training;

/// <summary>A record as tokens: bos, prompt, response, eos.</summary>
/// <param name="Tokens">All tokens, at most the sequence length.</param>
/// <param name="ResponseStart">The place of the response's first token; from there on tokens count in the loss.</param>
/// <param name="Truncated">Whether something was left out.</param>
internal sealed record TrainingExample(int[] Tokens, int ResponseStart, bool Truncated)
{
    /// <summary>The rows it takes in a batch: the last token predicts nothing.</summary>
    public int Rows => Tokens.Length - 1;

    /// <summary>The tokens that count in the loss.</summary>
    public int Responses => Tokens.Length - ResponseStart;

    /// <summary>
    /// Makes the tokens of a record. Where they are too many, the middle of the prompt's body is left out: its beginning says what to
    /// do, its end is the latest turn or what it is done with. The response gives way, from its end and without an eos then, only
    /// where it would leave the body less than a quarter of the sequence.
    /// </summary>
    public static TrainingExample Create(InstructionRecord record, Tokenizer tokenizer, int sequenceLength)
    {
        int[] body = PromptTemplate.EncodeBody(tokenizer, record.Prompt);
        int[] header = PromptTemplate.EncodeHeader(tokenizer);
        int[] response = [.. tokenizer.Encode(record.Response, addBos: false), tokenizer.EosId];
        int room = sequenceLength - 1 - header.Length;
        bool truncated = body.Length + response.Length > room;
        if (truncated)
        {
            int bodyMin = Math.Min(body.Length, Math.Min(sequenceLength / 4, room - 1));
            response = response[..Math.Min(response.Length, room - bodyMin)];
            body = WithoutMiddle(body, Math.Min(body.Length, room - response.Length));
        }

        int[] tokens = [tokenizer.BosId, .. body, .. header, .. response];
        return new TrainingExample(tokens, tokens.Length - response.Length, truncated);
    }

    private static int[] WithoutMiddle(int[] tokens, int length)
    {
        int head = (length + 1) / 2;
        return [.. tokens[..head], .. tokens[(tokens.Length - (length - head))..]];
    }
}
