using System.Text;

namespace Tributary.Training;

/// <summary>
/// Turns text into token ids and back, as Hugging Face's tokenizer.json says: byte pair encoding in SentencePiece's style, as Llama 2
/// and TinyLlama have it, or over bytes, as GPT-2 and Llama 3.
/// </summary>
/// <remarks>
/// In <see cref="Encode"/> text is plain text: a "&lt;/s&gt;" in it becomes the tokens of four characters and never the end-of-text
/// token, so that data cannot inject special tokens. What may write them is a chat template, through <see cref="EncodeMarkup(string)"/>.
/// May be used from several threads at a time.
/// </remarks>
public sealed class Tokenizer
{
    /// <summary>Set into a special token's name in plain text, so that it is none among markup. A half surrogate pair: no text has it.</summary>
    private const char Shield = '\uDC00';

    private readonly TokenizerTables _tables;
    private readonly TextEncoding _encoding;
    private readonly AddedTokens _special;
    private readonly (AddedTokens Plain, AddedTokens Markup) _raw;
    private readonly (AddedTokens Plain, AddedTokens Markup) _normalized;

    /// <param name="tables">The vocabulary.</param>
    /// <param name="encoding">Its kind.</param>
    /// <param name="normalized">The added tokens that are looked for in normalized text; the others are in the text as it stands.</param>
    internal Tokenizer(TokenizerTables tables, TextEncoding encoding, HashSet<int> normalized)
    {
        _tables = tables;
        _encoding = encoding;
        AddedToken[] raw = [.. tables.Added.Values.Where(token => !normalized.Contains(token.Id))];
        AddedToken[] others = [.. tables.Added.Values.Where(token => normalized.Contains(token.Id))
            .Select(token => token with { Content = encoding.Normalize(token.Content, continuing: false) })];
        _special = new AddedTokens(tables.Added.Values.Where(token => token.Special).Select(token => token with { TakesLeft = false, TakesRight = false, SingleWord = false }));
        _raw = (new AddedTokens(raw.Where(token => !token.Special)), new AddedTokens(raw));
        _normalized = (new AddedTokens(others.Where(token => !token.Special)), new AddedTokens(others));
    }

    /// <summary>The token a text begins with; <see cref="EosId"/> where the tokenizer has none, as in GPT-2, where one token is both.</summary>
    public int BosId => _tables.BosId;

    /// <summary>The token a text ends with.</summary>
    public int EosId => _tables.EosId;

    /// <summary>The highest token id and one.</summary>
    public int VocabularySize => _tables.Pieces.Length;

    /// <summary>What is put before a text: <see cref="BosId"/>, or nothing.</summary>
    internal ReadOnlySpan<int> Prefix => _tables.Prefix;

    internal TokenizerTables Tables => _tables;

    internal TextEncoding Encoding => _encoding;

    /// <summary>
    /// Reads tokenizer.json, and beside it tokenizer_config.json and config.json for what the bos and eos tokens are, where they are
    /// others than &lt;s&gt; and &lt;/s&gt;.
    /// </summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="ModelFormatException">
    /// The file is missing, is not valid, or has a part that is not supported: Unigram, WordPiece, another normalizer or pre-tokenizer.
    /// </exception>
    public static Tokenizer Load(string folder) => TokenizerReader.Read(folder);

    /// <summary>The tokens of a plain text. Added tokens that are not special, such as runs of spaces, are found in it.</summary>
    /// <param name="text">Any text; a lone surrogate counts as U+FFFD. An empty one has no tokens.</param>
    /// <param name="addBos">Whether to put first what the model's texts begin with: <see cref="BosId"/>, or nothing if its byte-level tokenizer puts nothing.</param>
    /// <exception cref="ArgumentException">A character is in neither the vocabulary nor its bytes, and there is no unknown token.</exception>
    public int[] Encode(string text, bool addBos)
    {
        var tokens = new List<int>((text.Length / 3) + 4);
        if (addBos)
        {
            tokens.AddRange(_tables.Prefix);
        }

        AddTokens(text, markup: false, continuing: false, tokens);
        return [.. tokens];
    }

    /// <summary>The tokens of a text in which special tokens stand by name, as a chat template writes it. Nothing is put first.</summary>
    /// <exception cref="ArgumentException">As for a plain text.</exception>
    public int[] EncodeMarkup(string text) => EncodeMarkup(text, continuing: false);

    /// <summary>The text of tokens: special tokens are left out, bytes are joined to characters, a space that encoding put first is taken off.</summary>
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

    /// <summary>The tokens of markup that may go on from markup that has been encoded, so that no space is put before it.</summary>
    internal int[] EncodeMarkup(string text, bool continuing)
    {
        var tokens = new List<int>((text.Length / 3) + 4);
        AddTokens(text, markup: true, continuing, tokens);
        return [.. tokens];
    }

    /// <summary>Makes plain text a part of markup: names of special tokens in it are not taken for them by <see cref="EncodeMarkup(string)"/>.</summary>
    internal string ShieldMarkup(string text)
    {
        text = WellFormed(text, keep: '\0');
        List<TextRun> runs = _special.Split(text);
        if (runs.All(run => run.Token < 0))
        {
            return text;
        }

        var shielded = new StringBuilder(text);
        foreach (TextRun run in runs.Where(run => run.Token >= 0).Reverse())
        {
            shielded.Insert(run.Start + (char.IsHighSurrogate(text[run.Start]) ? 2 : 1), Shield);
        }

        return shielded.ToString();
    }

    /// <summary>Where the first special token of a markup ends, from a place on; nothing if there is none.</summary>
    internal int? EndOfFirstSpecial(string markup, int from)
    {
        foreach (TextRun run in _special.Split(markup.AsSpan(from)))
        {
            if (run.Token >= 0)
            {
                return from + run.End;
            }
        }

        return null;
    }

    private void AddTokens(string text, bool markup, bool continuing, List<int> tokens)
    {
        text = WellFormed(text, keep: markup ? Shield : '\0');
        AddedTokens raw = markup ? _raw.Markup : _raw.Plain, normalized = markup ? _normalized.Markup : _normalized.Plain;
        foreach (TextRun run in raw.Split(text))
        {
            if (run.Token >= 0)
            {
                tokens.Add(run.Token);
                continue;
            }

            bool atStart = run.Start == 0, goesOn = continuing && atStart;
            string words = _encoding.Normalize(text[run.Start..run.End], goesOn);
            foreach (TextRun piece in normalized.Split(words))
            {
                if (piece.Token >= 0)
                {
                    tokens.Add(piece.Token);
                    continue;
                }

                string unshielded = markup ? WellFormed(words[piece.Start..piece.End], keep: '\0', drop: Shield) : words[piece.Start..piece.End];
                if (unshielded.Length > 0)
                {
                    _encoding.Encode(unshielded, atStart && piece.Start == 0 && !continuing, goesOn && piece.Start == 0, tokens);
                }
            }
        }
    }

    /// <summary>Replaces halves of surrogate pairs, but one that is kept and one that is dropped.</summary>
    private static string WellFormed(string text, char keep, char drop = '\0')
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        var whole = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char at = text[i];
            if (char.IsHighSurrogate(at) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                whole.Append(at).Append(text[++i]);
            }
            else if (!char.IsSurrogate(at) || (at == keep && keep != '\0'))
            {
                whole.Append(at);
            }
            else if (at != drop || drop == '\0')
            {
                whole.Append('\uFFFD');
            }
        }

        return whole.ToString();
    }
}
