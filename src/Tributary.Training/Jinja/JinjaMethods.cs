using System.Globalization;

namespace Tributary.Training.Jinja;

/// <summary>The methods of Python's str and dict that chat templates call.</summary>
internal static class JinjaMethods
{
    private static readonly HashSet<string> OfText =
    [
        "strip", "lstrip", "rstrip", "startswith", "endswith", "removeprefix", "removesuffix", "split", "rsplit", "splitlines", "upper", "lower", "title",
        "capitalize", "replace", "join", "find", "count", "isdigit",
    ];

    private static readonly HashSet<string> OfDictionary = ["items", "keys", "values", "get"];

    /// <summary>A method bound to its value; nothing if the value has none of that name that is understood.</summary>
    public static JinjaCallable? Find(object? value, string name) =>
        (value is string && OfText.Contains(name)) || (value is Dictionary<string, object?> && OfDictionary.Contains(name))
            ? arguments => Call(value, name, arguments)
            : null;

    public static object? Call(object value, string name, JinjaArguments arguments) => value switch
    {
        Dictionary<string, object?> dictionary => name switch
        {
            "items" => dictionary.Select(object? (entry) => new List<object?> { entry.Key, entry.Value }).ToList(),
            "keys" => dictionary.Keys.ToList<object?>(),
            "values" => dictionary.Values.ToList(),
            _ => dictionary.TryGetValue(arguments.Text(0, "key"), out object? entry) ? entry : arguments.Get(1, "default", null),
        },
        _ => Call((string)value, name, arguments),
    };

    private static object? Call(string text, string name, JinjaArguments arguments)
    {
        switch (name)
        {
            case "strip" or "lstrip" or "rstrip":
                return PythonText.Strip(text, arguments.Get(0, "chars", null) as string, left: name != "rstrip", right: name != "lstrip");
            case "startswith" or "endswith":
                IEnumerable<object?> parts = arguments.Get(0, "prefix", null) is List<object?> several ? several : [arguments.Text(0, "prefix")];
                return parts.OfType<string>().Any(part => name == "startswith" ? text.StartsWith(part, StringComparison.Ordinal) : text.EndsWith(part, StringComparison.Ordinal));
            case "removeprefix":
                return text.StartsWith(arguments.Text(0, "prefix"), StringComparison.Ordinal) ? text[arguments.Text(0, "prefix").Length..] : text;
            case "removesuffix":
                return text.EndsWith(arguments.Text(0, "suffix"), StringComparison.Ordinal) ? text[..^arguments.Text(0, "suffix").Length] : text;
            case "split" or "rsplit":
                return Split(text, name == "rsplit", arguments);
            case "splitlines":
                return new List<object?>(text.Length == 0 ? [] : text.ReplaceLineEndings("\n").TrimEndOnce('\n').Split('\n'));
            case "upper":
                return text.ToUpperInvariant();
            case "lower":
                return text.ToLowerInvariant();
            case "capitalize":
                return text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();
            case "title":
                return CultureInfo.InvariantCulture.TextInfo.ToTitleCase(text.ToLowerInvariant());
            case "replace":
                return Replace(text, arguments.Text(0, "old"), arguments.Text(1, "new"), arguments.Get(2, "count", null) as long? ?? -1);
            case "join":
                return Join(text, PythonValue.Items(arguments.Get(0, "iterable", null), arguments.Line));
            case "find":
                return (long)text.IndexOf(arguments.Text(0, "sub"), StringComparison.Ordinal);
            case "count":
                string sub = arguments.Text(0, "sub");
                return sub.Length == 0 ? text.Length + 1L : text.Split(sub).Length - 1L;
            default:
                return text.Length > 0 && text.All(char.IsDigit);
        }
    }

    /// <summary>The texts of some items with another between them.</summary>
    public static string Join(string separator, IEnumerable<object?> items)
    {
        var joined = new System.Text.StringBuilder();
        string before = "";
        foreach (object? item in items)
        {
            joined.Append(before).Append(PythonText.Of(item));
            PythonValue.RequireBounded(joined.Length);
            before = separator;
        }

        return joined.ToString();
    }

    private static string TrimEndOnce(this string text, char character) => text.EndsWith(character) ? text[..^1] : text;

    private static string Replace(string text, string old, string with, long count)
    {
        if (old.Length == 0)
        {
            throw new ChatTemplateException("a replacement of nothing is not understood");
        }

        string[] parts = text.Split(old);
        PythonValue.RequireBounded(text.Length + ((long)(parts.Length - 1) * with.Length));
        int replaced = count < 0 ? parts.Length - 1 : (int)Math.Min(count, parts.Length - 1);
        return string.Join(with, [.. parts[..replaced], string.Join(old, parts[replaced..])]);
    }

    private static List<object?> Split(string text, bool fromRight, JinjaArguments arguments)
    {
        string? separator = arguments.Get(0, "sep", null) as string;
        long limit = arguments.Get(1, "maxsplit", null) as long? ?? -1;
        if (separator is "")
        {
            throw arguments.Wrong("split needs a separator that is not empty");
        }

        if (separator is null)
        {
            return limit < 0
                ? [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)]
                : throw arguments.Wrong("split by white space with a limit is not understood");
        }

        string[] parts = text.Split(separator);
        if (limit < 0 || limit >= parts.Length - 1)
        {
            return [.. parts];
        }

        int count = (int)limit;
        return fromRight
            ? [string.Join(separator, parts[..^count]), .. parts[^count..]]
            : [.. parts[..count], string.Join(separator, parts[count..])];
    }
}
