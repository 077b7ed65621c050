using System.Globalization;
using System.Text;

namespace Tributary.Training.Jinja;

/// <summary>JSON as Python's json.dumps writes it with ensure_ascii=False, which is the filter tojson of transformers.</summary>
internal static class PythonJson
{
    /// <summary>Writes a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">Spaces of each level, on lines of their own; nothing for one line.</param>
    /// <exception cref="FormatException">A value has no JSON.</exception>
    public static string Write(object? value, int? indent)
    {
        var text = new StringBuilder();
        Write(value, indent, 0, text);
        return text.ToString();
    }

    private static void Write(object? value, int? indent, int depth, StringBuilder text)
    {
        PythonValue.RequireBounded(text.Length, depth);
        switch (value)
        {
            case string quoted:
                Quote(quoted, text);
                break;
            case List<object?> list:
                WriteItems('[', ']', list, item => Write(item, indent, depth + 1, text), indent, depth, text);
                break;
            case Dictionary<string, object?> dictionary:
                void Entry(KeyValuePair<string, object?> entry)
                {
                    Quote(entry.Key, text);
                    text.Append(": ");
                    Write(entry.Value, indent, depth + 1, text);
                }

                WriteItems('{', '}', dictionary, Entry, indent, depth, text);
                break;
            case null or bool or long or double:
                text.Append(value switch { null => "null", true => "true", false => "false", _ => PythonText.Repr(value) });
                break;
            default:
                throw new FormatException($"{PythonValue.KindOf(value)} has no JSON");
        }
    }

    private static void WriteItems<T>(char open, char close, IReadOnlyCollection<T> items, Action<T> write, int? indent, int depth, StringBuilder text)
    {
        void NewLine(int levels)
        {
            if (indent is { } spaces && items.Count > 0)
            {
                text.Append('\n').Append(' ', spaces * levels);
            }
        }

        text.Append(open);
        bool first = true;
        foreach (T item in items)
        {
            text.Append(first ? "" : indent is null ? ", " : ",");
            NewLine(depth + 1);
            write(item);
            first = false;
        }

        NewLine(depth);
        text.Append(close);
    }

    private static void Quote(string value, StringBuilder text)
    {
        text.Append('"');
        foreach (char at in value)
        {
            text.Append(at switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)at:x4}"),
                _ => at.ToString(),
            });
        }

        text.Append('"');
    }
}
