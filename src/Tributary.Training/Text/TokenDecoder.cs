using System.Text;

namespace Tributary.Training;

/// <summary>Text from tokens that come one by one: a character whose bytes are several tokens is given when it is whole.</summary>
public sealed class TokenDecoder
{
    private readonly TokenizerTables _tables;
    private readonly TextEncoding _encoding;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private bool _dropsSpace;

    /// <summary>Begins a text, or goes on with one.</summary>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="continuing">Whether the tokens follow others, so that a leading space is part of the text.</param>
    public TokenDecoder(Tokenizer tokenizer, bool continuing)
    {
        _tables = tokenizer.Tables;
        _encoding = tokenizer.Encoding;
        _dropsSpace = !continuing && _encoding.PrependsSpace;
    }

    /// <summary>Takes a token and returns what text is whole now, which may be empty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public string Add(int token)
    {
        if (token < 0 || token >= _tables.Pieces.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(token), $"There is no token {token}; the last is {_tables.Pieces.Length - 1}.");
        }

        if (_tables.Special.Contains(token))
        {
            return "";
        }

        return Decode(_tables.Added.TryGetValue(token, out AddedToken? added) ? Encoding.UTF8.GetBytes(added.Content) : _encoding.BytesOf(token), flush: false);
    }

    /// <summary>Ends the text: bytes that no character came of become U+FFFD.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[_utf8.GetCharCount(bytes, flush)];
        _utf8.GetChars(bytes, characters, flush);
        if (!_dropsSpace || characters.Length == 0)
        {
            return new string(characters);
        }

        _dropsSpace = false;
        return new string(characters, characters[0] == ' ' ? 1 : 0, characters.Length - (characters[0] == ' ' ? 1 : 0));
    }
}
