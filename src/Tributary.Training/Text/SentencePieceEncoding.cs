using System.Globalization;
using System.Text;

namespace Tributary.Training;

/// <summary>Where a tokenizer in SentencePiece's style puts a space of its own.</summary>
/// <param name="ByNormalizer">Before each run of text (the normalizer Prepend), whatever it begins with.</param>
/// <param name="Metaspace">Where the pre-tokenizer Metaspace puts one unless there is one already: "first", "always" or "never"; nothing without it.</param>
internal sealed record SpaceScheme(bool ByNormalizer, string? Metaspace);

/// <summary>
/// Byte pair encoding over characters as SentencePiece makes it: a space is '▁', and a run of text is merged as one, or word by word where that gives the same. Characters outside
/// the vocabulary become the bytes of their UTF-8, where the vocabulary has bytes.
/// </summary>
internal sealed class SentencePieceEncoding : TextEncoding
{
    /// <summary>What stands for a space inside a vocabulary.</summary>
    public const char Space = '▁';

    private readonly TokenizerTables _tables;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly SpaceScheme _spaces;
    private readonly int[]? _byteIds;
    private readonly Dictionary<int, byte> _bytesOf = [];
    private readonly bool _wordsAreApart;

    /// <param name="tables">The vocabulary.</param>
    /// <param name="spaces">Where spaces of its own are put.</param>
    /// <param name="byteIds">The tokens of the 256 bytes, or nothing where the vocabulary has none.</param>
    public SentencePieceEncoding(TokenizerTables tables, SpaceScheme spaces, int[]? byteIds)
    {
        _tables = tables;
        _ids = tables.Ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _spaces = spaces;
        _byteIds = byteIds;
        _wordsAreApart = tables.Ids.ContainsKey("▁") && !tables.Ids.Keys.Any(HasSpaceAfterLetter);
        for (int value = 0; value < byteIds?.Length; value++)
        {
            _bytesOf[byteIds[value]] = (byte)value;
        }
    }

    /// <summary>Finds the tokens of the 256 bytes.</summary>
    /// <exception cref="FormatException">The vocabulary lacks one.</exception>
    public static int[] FindBytes(IReadOnlyDictionary<string, int> ids)
    {
        var byteIds = new int[256];
        for (int value = 0; value < byteIds.Length; value++)
        {
            string piece = string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            if (!ids.TryGetValue(piece, out byteIds[value]))
            {
                throw new FormatException($"model.byte_fallback is true, but the vocabulary has no '{piece}'");
            }
        }

        return byteIds;
    }

    public override bool PrependsSpace => _spaces.ByNormalizer || _spaces.Metaspace is "first" or "always";

    public override string Normalize(string text, bool continuing) => _spaces.Metaspace is not null || text.Length == 0
        ? text
        : (_spaces.ByNormalizer && !continuing ? "▁" : "") + text.Replace(' ', Space);

    public override void Encode(string text, bool atStart, bool continuing, List<int> tokens)
    {
        if (_spaces.Metaspace is { } scheme)
        {
            bool missing = scheme == "always" || (scheme == "first" && atStart);
            text = text.Replace(' ', Space);
            text = missing && !continuing && text[0] != Space ? Space + text : text;
        }

        for (int start = 0; start < text.Length;)
        {
            int end = _wordsAreApart ? EndOfWord(text, start) : text.Length;
            EncodeWord(text.AsSpan(start, end - start), tokens);
            start = end;
        }
    }

    public override byte[] BytesOf(int token) => _bytesOf.TryGetValue(token, out byte value)
        ? [value]
        : Encoding.UTF8.GetBytes(_tables.Pieces[token].Replace(Space, ' '));

    /// <summary>Whether a piece spans two words. Where none does, no merge can, so words are merged one by one: their tokens are the same.</summary>
    private static bool HasSpaceAfterLetter(string piece) => EndOfWord(piece, 0) < piece.Length;

    private static int EndOfWord(string text, int start)
    {
        int end = start + 1;
        while (end < text.Length && !(text[end] == Space && text[end - 1] != Space))
        {
            end++;
        }

        return end;
    }

    private void EncodeWord(ReadOnlySpan<char> text, List<int> tokens)
    {
        const int OnStackMax = 256;
        int symbolsMax = (text.Length * 3) + 1; // a UTF-16 code unit is at most three bytes
        Span<int> symbols = symbolsMax <= OnStackMax ? stackalloc int[OnStackMax] : new int[symbolsMax];
        int count = 0;
        for (int i = 0; i < text.Length;)
        {
            int length = char.IsHighSurrogate(text[i]) ? 2 : 1;
            count = AddCharacter(text.Slice(i, length), symbols, count);
            i += length;
        }

        int left = BytePairMerger.Merge(symbols[..count], _tables.Merges);
        tokens.AddRange(symbols[..left]);
    }

    private int AddCharacter(ReadOnlySpan<char> character, Span<int> symbols, int count)
    {
        if (_ids.TryGetValue(character, out int id))
        {
            symbols[count++] = id;
            return count;
        }

        if (_byteIds is not null)
        {
            Span<byte> bytes = stackalloc byte[4];
            foreach (byte value in bytes[..Encoding.UTF8.GetBytes(character, bytes)])
            {
                symbols[count++] = _byteIds[value];
            }

            return count;
        }

        int unknown = _tables.UnknownId ?? throw new ArgumentException(
            $"U+{char.ConvertToUtf32(character.ToString(), 0):X4} is not in the vocabulary, which has neither bytes nor an unknown token.");
        if (count == 0 || symbols[count - 1] != unknown || !_tables.FuseUnknown)
        {
            symbols[count++] = unknown;
        }

        return count;
    }
}
