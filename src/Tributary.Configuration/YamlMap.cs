using System.Globalization;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Tributary.Configuration;

/// <summary>
/// A mapping of a YAML file that is read key by key. What is wrong is collected, with its line, so that a user sees all of it at once;
/// keys that nobody asked for are wrong too.
/// </summary>
public sealed class YamlMap
{
    private readonly YamlMappingNode _node;
    private readonly List<YamlFileError> _errors;
    private readonly Dictionary<string, (YamlNode Key, YamlNode Value)> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    private YamlMap(YamlMappingNode node, List<YamlFileError> errors)
    {
        _node = node;
        _errors = errors;
        foreach ((YamlNode key, YamlNode value) in node.Children)
        {
            _values[key.ToString()] = (key, value);
        }
    }

    /// <summary>The keys that are there.</summary>
    public IReadOnlyCollection<string> Keys => _values.Keys;

    /// <summary>Reads the text of a file; what is wrong with its values is added to <paramref name="errors"/> as they are read.</summary>
    /// <param name="yaml">The text.</param>
    /// <param name="name">What to call the file in errors.</param>
    /// <param name="example">Where a file of that kind is to be seen.</param>
    /// <param name="errors">What is wrong.</param>
    /// <exception cref="YamlFileException">It is not one YAML mapping.</exception>
    public static YamlMap Load(string yaml, string name, string example, List<YamlFileError> errors)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            if (stream.Documents.Count == 1 && stream.Documents[0].RootNode is YamlMappingNode map)
            {
                return new YamlMap(map, errors);
            }
        }
        catch (YamlException e)
        {
            throw new YamlFileException(name, [new YamlFileError(e.Start.Line, $"not valid YAML: {e.InnerException?.Message ?? e.Message}")]);
        }

        throw new YamlFileException(name, [new YamlFileError(1, $"should be one YAML document of keys and values; see {example}")]);
    }

    /// <summary>Whether a key has keys and values of its own.</summary>
    public bool IsMap(string key) => _values.TryGetValue(key, out (YamlNode Key, YamlNode Value) pair) && pair.Value is YamlMappingNode;

    /// <summary>The keys and values below a key; null where it is not there, or wrong.</summary>
    public YamlMap? Map(string key)
    {
        if (!Find(key, out YamlNode? node))
        {
            return null;
        }

        if (node is YamlMappingNode map)
        {
            return new YamlMap(map, _errors);
        }

        Add(node!, $"'{key}' should be keys and values");
        return null;
    }

    /// <summary>A text; null where it is not there, or wrong.</summary>
    public string? Text(string key)
    {
        if (!Find(key, out YamlNode? node))
        {
            return null;
        }

        if (node is YamlScalarNode { Value: { Length: > 0 } text })
        {
            return text;
        }

        Add(node!, $"'{key}' should be a text");
        return null;
    }

    /// <summary>A list of texts, at least one.</summary>
    public string[]? Texts(string key)
    {
        if (!Find(key, out YamlNode? node))
        {
            return null;
        }

        if (node is YamlSequenceNode { Children.Count: > 0 } list && list.Children.All(child => child is YamlScalarNode { Value.Length: > 0 }))
        {
            return [.. list.Children.Select(child => child.ToString())];
        }

        Add(node!, $"'{key}' should be a list of texts, such as [a, b]");
        return null;
    }

    /// <summary>Any values by name, as JSON.</summary>
    public Dictionary<string, JsonElement>? Json(string key) =>
        Map(key)?._values.ToDictionary(pair => pair.Key, pair => YamlJson.Convert(pair.Value.Value), StringComparer.Ordinal);

    /// <summary>A time above 0, as in <c>90s</c>, <c>10m</c> or <c>2h</c>; a number alone is seconds.</summary>
    public TimeSpan? Duration(string key)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        const double SecondsMax = 30 * 86_400; // a timer of .NET takes some weeks
        double unit = text[^1] switch { 'm' => 60, 'h' => 3600, _ => 1 };
        string number = text.TrimEnd('s', 'm', 'h');
        if (text.Length - number.Length <= 1 && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && value > 0 && value * unit <= SecondsMax)
        {
            return TimeSpan.FromSeconds(value * unit);
        }

        Add(_values[key].Value, $"'{key}' is '{text}', but should be a time above 0 and up to 30 days, such as 90s, 10m or 2h");
        return null;
    }

    /// <summary>A whole number in a range; null where it is not there, or wrong.</summary>
    public long? Integer(string key, long min, long max)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        if (long.TryParse(text.Replace("_", string.Empty, StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max)
        {
            return value;
        }

        Add(_values[key].Value, $"'{key}' is '{text}', but should be a whole number from {min} {(max == long.MaxValue || max == int.MaxValue ? "up" : $"to {max}")}");
        return null;
    }

    /// <summary>A number of bytes in a range: a whole number, or a number with a unit, such as <c>10 MB</c> or <c>1.5 GiB</c>; null where it is not there, or wrong.</summary>
    /// <param name="key">The key.</param>
    /// <param name="min">The fewest.</param>
    /// <param name="per">What has to follow the unit, such as <c>/s</c>.</param>
    public long? Bytes(string key, long min, string per = "")
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        if (ByteCount.TryParse(text, per, out long value) && value >= min)
        {
            return value;
        }

        Add(_values[key].Value, $"'{key}' is '{text}', but should be a number of bytes from {ByteCount.Format(min)}{per} up, such as 10 MB{per} or 1.5 GiB{per}");
        return null;
    }

    /// <summary>A number in a range, with its ends or without; null where it is not there, or wrong.</summary>
    public double? Number(string key, double min, double max, bool inclusive)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && (inclusive ? value >= min && value <= max : value > min && value < max))
        {
            return value;
        }

        Add(_values[key].Value, $"'{key}' is '{text}', but should be a number {(inclusive ? $"from {min} to {max}" : $"above {min} and below {max}")}");
        return null;
    }

    /// <summary>A share, written as percent with or without its sign, such as <c>7 %</c>: 0.07. Null where it is not there, or wrong.</summary>
    /// <param name="key">The key.</param>
    /// <param name="min">The least, in percent.</param>
    /// <param name="max">The most, in percent.</param>
    public double? Percent(string key, double min, double max)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        if (double.TryParse(text.TrimEnd('%').TrimEnd(), NumberStyles.Float, CultureInfo.InvariantCulture, out double percent) && percent >= min && percent <= max)
        {
            return percent / 100;
        }

        Add(_values[key].Value, $"'{key}' is '{text}', but should be percent from {min} to {max}, such as 7 %");
        return null;
    }

    /// <summary>A word out of a few; null where it is not there, or wrong.</summary>
    public string? Choice(string key, IReadOnlyCollection<string> choices)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        if (choices.Contains(text))
        {
            return text;
        }

        Add(_values[key].Value, $"'{key}' is '{text}', but should be one of {string.Join(", ", choices)}");
        return null;
    }

    /// <summary>A member of an enumeration, in small letters; null where it is not there, or wrong.</summary>
    public T? Choice<T>(string key)
        where T : struct, Enum
    {
        string[] names = [.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())];
        return Choice(key, names) is { } text ? Enum.Parse<T>(text, ignoreCase: true) : null;
    }

    /// <summary>Notes that a key is missing; gives an empty text to go on with.</summary>
    public string Missing(string key, string what)
    {
        // A value that is there but wrong has been complained of already.
        if (!_values.TryGetValue(key, out (YamlNode Key, YamlNode Value) pair) || pair.Value is YamlMappingNode { Children.Count: 0 })
        {
            Add(_node, $"'{key}' is missing: {what}");
        }

        return string.Empty;
    }

    /// <summary>Notes a name that cannot stand in paths and addresses.</summary>
    public void CheckName(string key, string name)
    {
        if (JobName.Refuse(name) is { } reason)
        {
            Add(_values[key].Key, reason);
        }
    }

    /// <summary>Notes what is wrong with a key that is there, or with the whole where it is not.</summary>
    public void Wrong(string key, string message) => Add(_values.TryGetValue(key, out (YamlNode Key, YamlNode Value) pair) ? pair.Key : _node, message);

    /// <summary>Notes the keys that nobody has asked for.</summary>
    public void RefuseOtherKeys()
    {
        foreach ((string key, (YamlNode node, _)) in _values)
        {
            if (!_known.Contains(key))
            {
                string? near = _known.MinBy(known => Distance(known, key));
                string hint = near is not null && Distance(near, key) <= 2 ? $"did you mean '{near}'?" : $"known here: {string.Join(", ", _known.Order(StringComparer.Ordinal))}";
                Add(node, $"unknown key '{key}'; {hint}");
            }
        }
    }

    /// <summary>The number of letters to insert, delete or change to get from one word to the other (Levenshtein 1966).</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }

    private bool Find(string key, out YamlNode? node)
    {
        _known.Add(key);
        bool found = _values.TryGetValue(key, out (YamlNode Key, YamlNode Value) pair);
        node = pair.Value;
        return found;
    }

    private void Add(YamlNode node, string message) => _errors.Add(new YamlFileError(node.Start.Line, message));
}
