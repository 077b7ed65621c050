using System.Globalization;
using System.Text;

namespace Tributary.Training;

/// <summary>
/// A text in which every code point is one UTF-16 code unit, for .NET's regular expressions, to which a letter beyond U+FFFF is two
/// surrogates and no letter. Such a code point is replaced by one of its general category; the places of matches are then mapped
/// back. A pattern that names code points beyond U+FFFF one by one cannot be answered so.
/// </summary>
internal readonly struct RuneText
{
    // A character of each general category, none of them ASCII, so that none is what a pattern means literally.
    private const string Representatives = "Àßǅʰª\u0300\u0903\u0488٠Ⅰ²\u00A0\u2028\u2029\u0085\u00AD\uFFFD\uE000‿‐⁅⁆«»¡±¢¨©\uFDD0";

    private readonly int[]? _starts;

    private RuneText(string text, string units, int[]? starts) => (Source, Units, _starts) = (text, units, starts);

    /// <summary>The text itself.</summary>
    public string Source { get; }

    /// <summary>The text with one code unit for each code point.</summary>
    public string Units { get; }

    /// <summary>Takes a text without half surrogate pairs.</summary>
    public static RuneText Create(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return new RuneText(text, text, null);
        }

        var units = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length);
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            starts.Add(at);
            units.Append(rune.IsBmp ? (char)rune.Value : Representative(Rune.GetUnicodeCategory(rune)));
            at += rune.Utf16SequenceLength;
        }

        starts.Add(at);
        return new RuneText(text, units.ToString(), [.. starts]);
    }

    /// <summary>The text of a run of units.</summary>
    public ReadOnlySpan<char> Slice(int start, int end) => _starts is null
        ? Source.AsSpan(start, end - start)
        : Source.AsSpan(_starts[start], _starts[end] - _starts[start]);

    internal static char Representative(UnicodeCategory category) => Representatives[(int)category];
}
