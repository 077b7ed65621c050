using System.Text;
using System.Text.RegularExpressions;

namespace Tributary.Training;

/// <summary>
/// A step of a byte-level pre-tokenizer: parts a text by a regular expression, its matches and what lies between them. The patterns
/// are written for Oniguruma; where .NET means something else by the same signs they are rewritten or refused.
/// </summary>
internal sealed class SplitPattern
{
    /// <summary>GPT-2's, which the pre-tokenizer ByteLevel uses by itself.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly Regex _regex;
    private readonly bool _matchesOnly;

    /// <param name="pattern">The expression, as tokenizer.json has it.</param>
    /// <param name="matchesOnly">Whether what lies between matches is dropped.</param>
    /// <exception cref="FormatException">.NET cannot take it as it is meant.</exception>
    public SplitPattern(string pattern, bool matchesOnly = false)
    {
        try
        {
            // A pattern comes with a model: one made to backtrack without end is stopped.
            _regex = new Regex(Translate(pattern), RegexOptions.Compiled | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(30));
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"the pattern {pattern} is not understood: {e.Message}", e);
        }

        _matchesOnly = matchesOnly;
    }

    /// <summary>Adds the parts of a run of units, which are seen as a text of their own.</summary>
    /// <exception cref="ModelFormatException">The pattern backtracks without an end.</exception>
    public void Split(string units, (int Start, int End) run, List<(int Start, int End)> parts)
    {
        int done;
        try
        {
            done = AddMatches(units, run, parts);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new ModelFormatException($"tokenizer.json: the pattern {_regex} comes to no end on a text of {run.End - run.Start} characters; it is not a published one.", e);
        }

        if (run.End > done && !_matchesOnly)
        {
            parts.Add((done, run.End));
        }
    }

    private int AddMatches(string units, (int Start, int End) run, List<(int Start, int End)> parts)
    {
        int done = run.Start;
        foreach (ValueMatch match in _regex.EnumerateMatches(units.AsSpan(run.Start, run.End - run.Start)))
        {
            int start = run.Start + match.Index;
            if (match.Length == 0)
            {
                continue;
            }

            if (start > done && !_matchesOnly)
            {
                parts.Add((done, start));
            }

            parts.Add((start, start + match.Length));
            done = start + match.Length;
        }

        return done;
    }

    /// <summary>
    /// Rewrites what .NET reads otherwise: in a part without regard to case an s is also ſ (U+017F), since Oniguruma folds case as
    /// Unicode does and .NET by a table of its own.
    /// </summary>
    private static string Translate(string pattern)
    {
        var translated = new StringBuilder(pattern.Length);
        int foldedUntil = 0, classDepth = 0;
        for (int i = 0; i < pattern.Length; i++)
        {
            char at = pattern[i];
            string rest = pattern[i..];
            if (char.IsSurrogate(at))
            {
                throw new FormatException($"the pattern {pattern} names characters beyond U+FFFF, which is not supported");
            }

            if (at == '\\' && i + 1 < pattern.Length)
            {
                RequireSameMeaning(pattern, rest[..2], @"\w \W \b \B \h \H \R \X \A \Z \z \G \K");
                translated.Append(rest, 0, 2);
                i++;
                continue;
            }

            RequireSameMeaning(pattern, rest.StartsWith("&&", StringComparison.Ordinal) ? "&&" : rest.StartsWith("[:", StringComparison.Ordinal) ? "[:" : "", "&& [:");
            classDepth = Math.Max(0, classDepth + (at == '[' ? 1 : at == ']' ? -1 : 0));
            if (classDepth > 1 || (classDepth == 0 && at is '^' or '$'))
            {
                throw new FormatException($"the pattern {pattern} has a '{at}' at {i}, which means something else in .NET");
            }

            if (rest.StartsWith("(?i:", StringComparison.Ordinal))
            {
                foldedUntil = pattern.IndexOf(')', i);
            }
            else if (rest.StartsWith("(?i)", StringComparison.Ordinal))
            {
                foldedUntil = pattern.Length;
            }

            translated.Append(i < foldedUntil && at is 's' or 'S' ? (classDepth == 0 ? "[s\u017F]" : "s\u017F") : at.ToString());
        }

        return translated.ToString();
    }

    private static void RequireSameMeaning(string pattern, string sign, string others)
    {
        if (sign.Length > 0 && others.Split(' ').Contains(sign))
        {
            throw new FormatException($"the pattern {pattern} has '{sign}', which means other characters in .NET");
        }
    }
}
