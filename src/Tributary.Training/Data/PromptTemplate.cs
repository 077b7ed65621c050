using System.Text;

namespace Tributary.Training;

/// <summary>What a model sees of a record, in training and when it is asked:
/// <code>
/// Instruction:
/// {instruction}
///
/// Input:
/// {context, if there is one}
///
/// Response:
/// </code>
/// and then the response. A system message stands first, under "System:"; earlier turns of a chat stand before the last one under
/// the same headers as it. Headers are plain words, so that they take few tokens of a small vocabulary too.
/// </summary>
public static class PromptTemplate
{
    /// <summary>The last lines of every prompt.</summary>
    public const string ResponseHeader = "Response:\n";

    private const string Separator = "\n\n";

    /// <summary>The prompt for one instruction.</summary>
    /// <param name="instruction">What to do.</param>
    /// <param name="context">What to do it with; nothing or empty for none.</param>
    public static string Format(string instruction, string? context = null) => Format(Turns(instruction, context));

    /// <summary>
    /// The tokens of the prompt for one instruction, exactly as training makes them: bos, the body, and the response header as a text of
    /// its own. A prompt that is encoded as one text has other tokens around the header, which a trained model has not seen.
    /// </summary>
    public static int[] Encode(Tokenizer tokenizer, string instruction, string? context = null) =>
        [.. tokenizer.Prefix, .. EncodeBody(tokenizer, Turns(instruction, context)), .. EncodeHeader(tokenizer)];

    /// <summary>The tokens of a record, eos after the response.</summary>
    internal static RecordTokens Encode(Tokenizer tokenizer, InstructionRecord record) => new(
        tokenizer.Prefix.ToArray(), EncodeBody(tokenizer, record.Prompt), EncodeHeader(tokenizer),
        [.. tokenizer.Encode(record.Response, addBos: false), tokenizer.EosId]);

    private static int[] EncodeBody(Tokenizer tokenizer, IReadOnlyList<PromptTurn> turns) => tokenizer.Encode(FormatBody(turns), addBos: false);

    private static int[] EncodeHeader(Tokenizer tokenizer) => tokenizer.Encode(ResponseHeader, addBos: false);

    /// <summary>The turns of one instruction.</summary>
    internal static IReadOnlyList<PromptTurn> Turns(string instruction, string? context) => string.IsNullOrWhiteSpace(context)
        ? [new PromptTurn(PromptRole.Instruction, instruction)]
        : [new PromptTurn(PromptRole.Instruction, instruction), new PromptTurn(PromptRole.Input, context)];

    /// <summary>The prompt for some turns.</summary>
    internal static string Format(IReadOnlyList<PromptTurn> turns) => FormatBody(turns) + ResponseHeader;

    /// <summary>The prompt without its last header: what may be shortened.</summary>
    internal static string FormatBody(IReadOnlyList<PromptTurn> turns)
    {
        var text = new StringBuilder();
        foreach (PromptTurn turn in turns)
        {
            text.Append(turn.Role).Append(":\n").Append(turn.Text).Append(Separator);
        }

        return text.ToString();
    }
}

/// <summary>A part of a prompt.</summary>
internal sealed record PromptTurn(PromptRole Role, string Text);

/// <summary>The headers of a prompt's parts.</summary>
internal enum PromptRole
{
    /// <summary>How to behave.</summary>
    System,

    /// <summary>What the user asks.</summary>
    Instruction,

    /// <summary>What the user gives with it.</summary>
    Input,

    /// <summary>What the model answered in an earlier turn.</summary>
    Response,
}
