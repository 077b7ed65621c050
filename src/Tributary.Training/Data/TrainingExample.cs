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
    /// Joins the tokens of a record. Where they are too many, the middle of the prompt's body is left out: its beginning says what to
    /// do, its end is the latest turn or what it is done with. The response gives way, from its end and without an eos then, only
    /// where it would leave the body less than a quarter of the sequence.
    /// </summary>
    public static TrainingExample Create(RecordTokens record, int sequenceLength)
    {
        int[] body = record.Body, response = record.Response;
        int room = sequenceLength - record.Start.Length - record.Header.Length;
        bool truncated = body.Length + response.Length > room;
        if (truncated)
        {
            int bodyMin = Math.Min(body.Length, Math.Min(sequenceLength / 4, room - 1));
            response = response[..Math.Min(response.Length, room - bodyMin)];
            body = WithoutMiddle(body, Math.Min(body.Length, room - response.Length));
        }

        int[] tokens = [.. record.Start, .. body, .. record.Header, .. response];
        return new TrainingExample(tokens, tokens.Length - response.Length, truncated);
    }

    private static int[] WithoutMiddle(int[] tokens, int length)
    {
        int head = (length + 1) / 2;
        return [.. tokens[..head], .. tokens[(tokens.Length - (length - head))..]];
    }
}

/// <summary>A record in tokens, before it is fitted into a sequence.</summary>
/// <param name="Start">What the sequence begins with.</param>
/// <param name="Body">The prompt, of which the middle may be left out.</param>
/// <param name="Header">The end of the prompt, after which the model answers.</param>
/// <param name="Response">The response and what ends it.</param>
internal sealed record RecordTokens(int[] Start, int[] Body, int[] Header, int[] Response);
