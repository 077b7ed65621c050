using System.Text;

namespace Tributary.Training;

/// <summary>
/// Turns text into token ids and back: byte pair encoding over characters as SentencePiece makes it, as it stands in Hugging Face's
/// tokenizer.json. Characters outside the vocabulary become the bytes of their UTF-8, where the vocabulary has bytes.
/// </summary>
/// <remarks>
/// There is no well-kept tokenizer library in the registries this project builds against, so it has its own, for this one kind.
/// Text is always plain text: a "&lt;/s&gt;" in it becomes the tokens of four characters and never the end-of-text token, so that
/// data cannot inject special tokens.
/// </remarks>
public sealed class Tokenizer
{
    /// <summary>What stands for a space inside a vocabulary.</summary>
    internal const char Space = '▁';

    private readonly TokenizerTables _tables;

    internal Tokenizer(TokenizerTables tables) => _tables = tables;

    /// <summary>The token a text begins with.</summary>
    public int BosId => _tables.BosId;

    /// <summary>The token a text ends with.</summary>
    public int EosId => _tables.EosId;

    /// <summary>The highest token id and one.</summary>
    public int VocabularySize => _tables.Pieces.Length;

    internal TokenizerTables Tables => _tables;

    /// <summary>Reads tokenizer.json, and tokenizer_config.json beside it if that names other bos and eos tokens than &lt;s&gt; and &lt;/s&gt;.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="ModelFormatException">
    /// The file is missing, is not valid, or is of another kind: byte-level BPE, Unigram, WordPiece.
    /// </exception>
    public static Tokenizer Load(string folder) => new(TokenizerReader.Read(folder));

    /// <summary>The tokens of a plain text.</summary>
    /// <param name="text">Any text; a lone surrogate counts as U+FFFD. An empty one has no tokens.</param>
    /// <param name="addBos">Whether to put <see cref="BosId"/> first.</param>
    /// <exception cref="ArgumentException">A character is in neither the vocabulary nor its bytes, and there is no unknown token.</exception>
    public int[] Encode(string text, bool addBos)
    {
        var symbols = new List<int>(text.Length + 1);
        if (text.Length > 0)
        {
            if (_tables.PrependSpace && !(_tables.PrependOnlyMissing && text[0] is ' ' or Space))
            {
                AddCharacter(new Rune(Space), symbols);
            }

            foreach (Rune rune in text.EnumerateRunes())
            {
                AddCharacter(rune.Value == ' ' ? new Rune(Space) : rune, symbols);
            }
        }

        int[] merged = BytePairMerger.Merge(symbols, _tables.Merges);
        return addBos ? [BosId, .. merged] : merged;
    }

    /// <summary>The text of tokens: special tokens are left out, bytes are joined to characters, one leading space is taken off.</summary>
    /// <param name="tokens">Token ids; bytes that are no valid UTF-8 become U+FFFD.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var decoder = new TokenDecoder(this, continuing: false);
        var text = new StringBuilder();
        foreach (int token in tokens)
        {
            text.Append(decoder.Add(token));
        }

        return text.Append(decoder.Flush()).ToString();
    }

    /// <summary>Refuses a tokenizer whose ids go beyond a model's vocabulary.</summary>
    /// <exception cref="ModelFormatException">They do.</exception>
    public void RequireFits(LlamaConfig config)
    {
        if (VocabularySize > config.VocabularySize)
        {
            throw new ModelFormatException(
                $"tokenizer.json has {VocabularySize} tokens, but config.json a vocab_size of {config.VocabularySize}: they are not of the same model.");
        }
    }

    private void AddCharacter(Rune rune, List<int> symbols)
    {
        if (_tables.Ids.TryGetValue(rune.ToString(), out int id))
        {
            symbols.Add(id);
            return;
        }

        Span<byte> bytes = stackalloc byte[4];
        bytes = bytes[..rune.EncodeToUtf8(bytes)];
        if (_tables.ByteIds is { } byteIds)
        {
            foreach (byte value in bytes)
            {
                symbols.Add(byteIds[value]);
            }

            return;
        }

        int unknown = _tables.UnknownId
            ?? throw new ArgumentException($"U+{rune.Value:X4} is not in the vocabulary, which has neither bytes nor an unknown token.");
        if (symbols.Count == 0 || symbols[^1] != unknown || !_tables.FuseUnknown)
        {
            symbols.Add(unknown);
        }
    }
}
