using System.Buffers;
using System.Globalization;
using System.Text;

namespace Tributary.Training;

/// <summary>A token that stands beside the model's own vocabulary and is found in the text before anything else.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">What is looked for.</param>
/// <param name="Special">Whether it is markup, not text.</param>
/// <param name="TakesLeft">Whether it takes the white space before it (lstrip).</param>
/// <param name="TakesRight">Whether it takes the white space after it (rstrip).</param>
/// <param name="SingleWord">Whether it counts only between characters that are not of a word.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool TakesLeft, bool TakesRight, bool SingleWord);

/// <summary>A run of text between added tokens, or an added token.</summary>
/// <param name="Start">Where it begins, in UTF-16 code units.</param>
/// <param name="End">Where it ends.</param>
/// <param name="Token">The added token's id, or -1 for text.</param>
internal readonly record struct TextRun(int Start, int End, int Token);

/// <summary>Finds added tokens: the leftmost first, of several there the longest.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<char, AddedToken[]> _byFirst;
    private readonly SearchValues<char> _firsts;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        _byFirst = tokens.Where(token => token.Content.Length > 0).GroupBy(token => token.Content[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(token => token.Content.Length).ToArray());
        _firsts = SearchValues.Create([.. _byFirst.Keys]);
    }

    /// <summary>Parts a text into its added tokens and what lies between. No run is empty.</summary>
    public List<TextRun> Split(ReadOnlySpan<char> text)
    {
        var runs = new List<TextRun>();
        int done = 0, from = 0;
        while (Next(text, ref from) is { } token)
        {
            int start = from, end = from + token.Content.Length;
            from = end;
            if (token.SingleWord && (IsWordEnd(text[..start]) || IsWordStart(text[end..])))
            {
                continue;
            }

            start = token.TakesLeft ? Math.Max(done, text[..start].TrimEnd().Length) : start;
            end = token.TakesRight ? text.Length - text[end..].TrimStart().Length : end;
            if (start > done)
            {
                runs.Add(new TextRun(done, start, -1));
            }

            runs.Add(new TextRun(start, end, token.Id));
            done = from = end;
        }

        if (done < text.Length)
        {
            runs.Add(new TextRun(done, text.Length, -1));
        }

        return runs;
    }

    /// <summary>The next token at or after a place, and its place.</summary>
    private AddedToken? Next(ReadOnlySpan<char> text, ref int from)
    {
        while (from < text.Length)
        {
            int found = text[from..].IndexOfAny(_firsts);
            if (found < 0)
            {
                return null;
            }

            from += found;
            foreach (AddedToken token in _byFirst[text[from]])
            {
                if (text[from..].StartsWith(token.Content, StringComparison.Ordinal))
                {
                    return token;
                }
            }

            from++;
        }

        return null;
    }

    private static bool IsWordEnd(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsOfWord(rune);

    private static bool IsWordStart(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsOfWord(rune);

    /// <summary>What \w is where the tokenizers library asks for it: letters, marks, digits, connectors and joiners.</summary>
    private static bool IsOfWord(Rune rune) => rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune)
        is <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}
