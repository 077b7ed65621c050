using System.Globalization;
using System.Text;

namespace Tributary.Training.Jinja;

/// <summary>Values as Python writes them.</summary>
internal static class PythonText
{
    /// <summary>What <c>str(value)</c> is; nothing for what is undefined.</summary>
    public static string Of(object? value) => value switch
    {
        string text => text,
        JinjaUndefined => "",
        _ => Repr(value),
    };

    /// <summary>What <c>repr(value)</c> is.</summary>
    /// <exception cref="ChatTemplateException">It is larger than a template may make.</exception>
    public static string Repr(object? value)
    {
        var text = new StringBuilder();
        Write(value, 0, text);
        return text.ToString();
    }

    /// <summary>The code points of a text, each as a text.</summary>
    public static string[] Characters(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        ? [.. CodePoints(text)]
        : [.. text.Select(character => character.ToString())];

    /// <summary>Takes white space off, as Python's strip does: what Unicode calls so, and the four separators U+001C to U+001F.</summary>
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        bool Taken(char at) => characters is null ? char.IsWhiteSpace(at) || at is >= '\u001C' and <= '\u001F' : characters.Contains(at, StringComparison.Ordinal);
        int from = 0, to = text.Length;
        while (left && from < to && Taken(text[from]))
        {
            from++;
        }

        while (right && to > from && Taken(text[to - 1]))
        {
            to--;
        }

        return text[from..to];
    }

    private static void Write(object? value, int depth, StringBuilder text)
    {
        PythonValue.RequireBounded(text.Length, depth);
        switch (value)
        {
            case List<object?> list:
                text.Append('[');
                for (int i = 0; i < list.Count; i++)
                {
                    text.Append(i > 0 ? ", " : "");
                    Write(list[i], depth + 1, text);
                }

                text.Append(']');
                break;
            case Dictionary<string, object?> dictionary:
                string before = "{";
                foreach ((string key, object? entry) in dictionary)
                {
                    text.Append(before).Append(Quoted(key)).Append(": ");
                    Write(entry, depth + 1, text);
                    before = ", ";
                }

                text.Append(dictionary.Count == 0 ? "{" : "");

                text.Append('}');
                break;
            default:
                text.Append(value switch
                {
                    null => "None",
                    bool flag => flag ? "True" : "False",
                    long number => number.ToString(CultureInfo.InvariantCulture),
                    double number => Number(number),
                    string quoted => Quoted(quoted),
                    JinjaUndefined => "Undefined",
                    _ => "<object>",
                });
                break;
        }
    }

    private static IEnumerable<string> CodePoints(string text)
    {
        for (int i = 0; i < text.Length;)
        {
            int length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            yield return text.Substring(i, length);
            i += length;
        }
    }

    private static string Number(double number)
    {
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return double.IsFinite(number) && !text.AsSpan().ContainsAny(".E") ? text + ".0" : text.Replace("E", "e", StringComparison.Ordinal);
    }

    private static string Quoted(string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var quoted = new StringBuilder().Append(quote);
        foreach (char at in text)
        {
            quoted.Append(at switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\\' => "\\\\",
                _ when at == quote => "\\" + at,
                < ' ' or '\u007F' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)at:x2}"),
                _ => at.ToString(),
            });
        }

        return quoted.Append(quote).ToString();
    }
}
