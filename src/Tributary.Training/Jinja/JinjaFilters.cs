using System.Globalization;

namespace Tributary.Training.Jinja;

/// <summary>The filters that chat templates use.</summary>
internal static class JinjaFilters
{
    public static object? Apply(string name, JinjaArguments arguments)
    {
        object? value = arguments.Values[0];
        switch (name)
        {
            case "trim":
                return PythonText.Strip(PythonText.Of(value), arguments.Get(1, "chars", null) as string, left: true, right: true);
            case "lower":
                return PythonText.Of(value).ToLowerInvariant();
            case "upper":
                return PythonText.Of(value).ToUpperInvariant();
            case "capitalize" or "title":
                return JinjaMethods.Call(PythonText.Of(value), name, arguments with { Values = arguments.Values[1..] });
            case "replace":
                return JinjaMethods.Call(PythonText.Of(value), name, arguments with { Values = arguments.Values[1..] });
            case "string":
                return PythonText.Of(value);
            case "safe":
                return value;
            case "length" or "count":
                return PythonValue.Length(value) ?? throw arguments.Wrong($"{PythonValue.KindOf(value)} has no length");
            case "default" or "d":
                bool missing = value is JinjaUndefined || (PythonValue.IsTrue(arguments.Get(2, "boolean", false)) && !PythonValue.IsTrue(value));
                return missing ? arguments.Get(1, "default_value", "") : value;
            case "tojson":
                return ToJson(value, arguments);
            case "int":
                return ToInteger(value, arguments);
            case "float":
                return ToFloat(value, arguments);
            case "abs":
                return value is long integer ? (object)Math.Abs(integer) : Math.Abs(value as double? ?? throw arguments.Wrong("abs needs a number"));
            case "items":
                return JinjaMethods.Call(value as Dictionary<string, object?> ?? [], "items", arguments);
            default:
                return ApplyToItems(name, arguments);
        }
    }

    private static object? ApplyToItems(string name, JinjaArguments arguments)
    {
        object?[] items = name is "first" or "last" or "list" or "join" or "reverse" or "map" or "select" or "reject" or "selectattr" or "rejectattr"
            ? [.. PythonValue.Items(arguments.Values[0], arguments.Line)]
            : throw arguments.Wrong($"the filter '{name}' is not understood");
        switch (name)
        {
            case "first":
                return items.Length > 0 ? items[0] : new JinjaUndefined("first");
            case "last":
                return items.Length > 0 ? items[^1] : new JinjaUndefined("last");
            case "list":
                return items.ToList();
            case "join":
                string? attribute = arguments.Get(2, "attribute", null) as string;
                return JinjaMethods.Join(PythonText.Of(arguments.Get(1, "d", "")), items.Select(item => attribute is null ? item : Attribute(item, attribute)));
            case "reverse":
                return arguments.Values[0] is string ? string.Concat(items.Reverse()) : items.Reverse().ToList();
            case "map":
                return items.Select(item => Map(item, arguments)).ToList();
            default:
                bool byAttribute = name.EndsWith("attr", StringComparison.Ordinal), keeps = name.StartsWith("select", StringComparison.Ordinal);
                return items.Where(item => Matches(item, byAttribute, arguments) == keeps).ToList();
        }
    }

    private static object? Map(object? item, JinjaArguments arguments) => arguments.Named.GetValueOrDefault("attribute") is string attribute
        ? Attribute(item, attribute)
        : Apply(arguments.Text(1, "filter"), arguments with { Values = [item, .. arguments.Values.Skip(2)] });

    private static bool Matches(object? item, bool byAttribute, JinjaArguments arguments)
    {
        object? value = byAttribute ? Attribute(item, arguments.Text(1, "attribute")) : item;
        int test = byAttribute ? 2 : 1;
        return arguments.Values.Length <= test
            ? PythonValue.IsTrue(value)
            : JinjaTests.Apply(arguments.Text(test, "test"), arguments with { Values = [value, .. arguments.Values.Skip(test + 1)] });
    }

    private static object? Attribute(object? item, string name) =>
        item is Dictionary<string, object?> dictionary && dictionary.TryGetValue(name, out object? value) ? value : new JinjaUndefined(name);

    private static string ToJson(object? value, JinjaArguments arguments)
    {
        try
        {
            return PythonJson.Write(value, (int?)(arguments.Get(1, "indent", null) as long?));
        }
        catch (FormatException e) when (e is not ChatTemplateException)
        {
            throw arguments.Wrong(e.Message);
        }
    }

    private static object? ToInteger(object? value, JinjaArguments arguments) => value switch
    {
        long => value,
        bool flag => flag ? 1L : 0L,
        double number when Math.Abs(number) < long.MaxValue => (long)number,
        string text when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) => number,
        _ => arguments.Get(1, "default", 0L),
    };

    private static object? ToFloat(object? value, JinjaArguments arguments) => value switch
    {
        double => value,
        long number => (double)number,
        string text when double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
        _ => arguments.Get(1, "default", 0d),
    };
}
