using System.Globalization;
using System.Text;

namespace Tributary.Training.Jinja;

/// <summary>Parts a template into text and the tokens of its tags, and takes off the white space around tags as their signs say.</summary>
internal sealed class JinjaLexer
{
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|"];

    private const int TagTokensMax = 2000; // what is read of a tag is evaluated recursively

    private readonly string _source;
    private readonly List<JinjaToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _lineBegins = true; // whether the text from here on is at the beginning of a line, after a tag that took its newline

    private JinjaLexer(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = source.EndsWith('\n') ? source[..^1] : source; // as Jinja does, one newline at the end is not part of the template
    }

    public static List<JinjaToken> Tokens(string source)
    {
        var lexer = new JinjaLexer(source);
        while (lexer._at < lexer._source.Length)
        {
            lexer.ReadDataAndTag();
        }

        lexer.Add(JinjaTokenKind.End, "");
        return lexer._tokens;
    }

    private void ReadDataAndTag()
    {
        int tag = FindTag(_at);
        if (tag < 0)
        {
            AddData(_source[_at..], _source.Length);
            return;
        }

        char kind = _source[tag + 1], sign = tag + 2 < _source.Length ? _source[tag + 2] : ' ';
        string data = _source[_at..tag];
        if (sign == '-')
        {
            AddData(data.TrimEnd(), tag);
        }
        else
        {
            AddData(sign != '+' && kind != '{' ? WithoutIndent(data) : data, tag);
        }

        int begin = tag + (sign is '-' or '+' ? 3 : 2);
        switch (kind)
        {
            case '#':
                int end = _source.IndexOf("#}", begin, StringComparison.Ordinal);
                End(end < 0 ? throw Wrong("a comment has no end '#}'") : end, trims: true);
                break;
            case '{':
                Add(JinjaTokenKind.OutputBegin, "{{");
                _at = begin;
                ReadTag("}}", JinjaTokenKind.OutputEnd);
                break;
            default:
                Add(JinjaTokenKind.BlockBegin, "{%");
                _at = begin;
                ReadTag("%}", JinjaTokenKind.BlockEnd);
                ReadRaw();
                break;
        }
    }

    private int FindTag(int from)
    {
        for (int i = from; i + 1 < _source.Length; i++)
        {
            if (_source[i] == '{' && _source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    private void AddData(string data, int to)
    {
        if (data.Length > 0)
        {
            Add(JinjaTokenKind.Data, data);
        }

        Advance(to);
    }

    /// <summary>Takes the white space before a tag off that stands alone in its line so far (lstrip_blocks).</summary>
    private string WithoutIndent(string data)
    {
        int begin = data.LastIndexOf('\n') + 1;
        return (begin > 0 || _lineBegins) && string.IsNullOrWhiteSpace(data[begin..]) ? data[..begin] : data;
    }

    /// <summary>Ends a tag whose two last signs are at a place, and skips the white space after it as the sign before them says.</summary>
    private void End(int place, bool trims)
    {
        char sign = _source[place - 1];
        int to = place + 2;
        if (sign == '-')
        {
            while (to < _source.Length && char.IsWhiteSpace(_source[to]))
            {
                to++;
            }
        }
        else if (trims && sign != '+' && to < _source.Length && _source[to] == '\n')
        {
            to++; // trim_blocks
        }

        _lineBegins = _source[to - 1] == '\n';
        Advance(to);
    }

    private void ReadTag(string close, JinjaTokenKind closeKind)
    {
        int depth = 0, first = _tokens.Count;
        while (true)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
            {
                Advance(_at + 1);
            }

            if (_at >= _source.Length)
            {
                throw Wrong($"a tag has no end '{close}'");
            }

            int signed = _source[_at] is '-' or '+' ? 1 : 0;
            if (depth == 0 && string.CompareOrdinal(_source, _at + signed, close, 0, 2) == 0)
            {
                Add(closeKind, close);
                End(_at + signed, trims: closeKind == JinjaTokenKind.BlockEnd);
                return;
            }

            ReadToken();
            if (_tokens.Count - first > TagTokensMax)
            {
                throw Wrong($"a tag has more than {TagTokensMax} signs and words");
            }

            depth += _tokens[^1] switch { var t when t.Is("(") || t.Is("[") || t.Is("{") => 1, var t when t.Is(")") || t.Is("]") || t.Is("}") => -1, _ => 0 };
        }
    }

    private void ReadToken()
    {
        char first = _source[_at];
        int end = _at + 1;
        if (char.IsLetter(first) || first == '_')
        {
            while (end < _source.Length && (char.IsLetterOrDigit(_source[end]) || _source[end] == '_'))
            {
                end++;
            }

            Add(JinjaTokenKind.Name, _source[_at..end]);
        }
        else if (char.IsAsciiDigit(first))
        {
            end = ReadNumber();
        }
        else if (first is '"' or '\'')
        {
            end = ReadText(first);
        }
        else
        {
            string sign = Operators.FirstOrDefault(sign => string.CompareOrdinal(_source, _at, sign, 0, sign.Length) == 0)
                ?? throw Wrong($"the sign '{first}' is not understood");
            Add(JinjaTokenKind.Operator, sign);
            end = _at + sign.Length;
        }

        Advance(end);
    }

    private int ReadNumber()
    {
        int Digits(int at)
        {
            while (at < _source.Length && (char.IsAsciiDigit(_source[at]) || _source[at] == '_'))
            {
                at++;
            }

            return at;
        }

        int end = Digits(_at);
        bool fraction = end + 1 < _source.Length && _source[end] == '.' && char.IsAsciiDigit(_source[end + 1]);
        end = fraction ? Digits(end + 1) : end;
        Add(fraction ? JinjaTokenKind.Float : JinjaTokenKind.Integer, _source[_at..end].Replace("_", "", StringComparison.Ordinal));
        return end;
    }

    private int ReadText(char quote)
    {
        var text = new StringBuilder();
        for (int i = _at + 1; i < _source.Length; i++)
        {
            if (_source[i] == quote)
            {
                Add(JinjaTokenKind.Text, text.ToString());
                return i + 1;
            }

            if (_source[i] != '\\' || i + 1 == _source.Length)
            {
                text.Append(_source[i]);
                continue;
            }

            char escaped = _source[++i];
            int digits = escaped switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0)
            {
                if (i + digits >= _source.Length || !int.TryParse(_source.AsSpan(i + 1, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int code)
                    || code is < 0 or > 0x10FFFF)
                {
                    throw Wrong($"'\\{escaped}' in a text needs {digits} hexadecimal digits");
                }

                text.Append(code > 0xFFFF ? char.ConvertFromUtf32(code) : ((char)code).ToString());
                i += digits;
                continue;
            }

            text.Append(escaped switch
            {
                'n' => "\n", 't' => "\t", 'r' => "\r", 'b' => "\b", 'f' => "\f", 'v' => "\v", 'a' => "\a", '0' => "\0",
                '\n' => "",
                '\\' or '\'' or '"' => escaped.ToString(),
                _ => "\\" + escaped,
            });
        }

        throw Wrong("a text has no end");
    }

    /// <summary>After <c>{% raw %}</c>, everything up to <c>{% endraw %}</c> is text.</summary>
    private void ReadRaw()
    {
        if (_tokens is not [.., { Kind: JinjaTokenKind.BlockBegin }, { Kind: JinjaTokenKind.Name, Value: "raw" }, { Kind: JinjaTokenKind.BlockEnd }])
        {
            return;
        }

        _tokens.RemoveRange(_tokens.Count - 3, 3);
        for (int i = _at; (i = _source.IndexOf("{%", i, StringComparison.Ordinal)) >= 0; i += 2)
        {
            int name = i + 2;
            bool strips = name < _source.Length && _source[name] == '-';
            while (name < _source.Length && (_source[name] is '-' or '+' || char.IsWhiteSpace(_source[name])))
            {
                name++;
            }

            int close = _source.IndexOf("%}", name, StringComparison.Ordinal);
            if (close > 0 && _source[name..close].Trim(' ', '\t', '\n', '-', '+') == "endraw")
            {
                string data = _source[_at..i];
                AddData(strips ? data.TrimEnd() : WithoutIndent(data), i);
                End(close, trims: true);
                return;
            }
        }

        throw Wrong("'raw' has no 'endraw'");
    }

    private void Advance(int to)
    {
        _line += _source.AsSpan(_at, to - _at).Count('\n');
        _at = to;
    }

    private void Add(JinjaTokenKind kind, string value) => _tokens.Add(new JinjaToken(kind, value, _line));

    private ChatTemplateException Wrong(string what) => new($"line {_line}: {what}");
}
