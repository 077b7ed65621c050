using System.Globalization;

namespace Tributary.Training.Jinja;

/// <summary>The functions that a chat template may call.</summary>
internal static class JinjaFunctions
{
    private const int RangeMax = 100_000; // as in Jinja's own sandbox

    /// <summary>A function, or nothing. strftime_now is not here: a template's date is a variable.</summary>
    public static JinjaCallable? Find(string name) => name switch
    {
        "raise_exception" => arguments => throw arguments.Wrong($"the template refuses this conversation: {PythonText.Of(arguments.Get(0, "message", ""))}"),
        "namespace" => Namespace,
        "dict" => arguments => new Dictionary<string, object?>(arguments.Named, StringComparer.Ordinal),
        "range" => Range,
        _ => null,
    };

    /// <summary>The function strftime_now of a template, for a fixed date at midnight.</summary>
    public static JinjaCallable StrftimeOn(DateOnly date) => arguments => Format(arguments.Text(0, "format"), date, arguments);

    private static JinjaNamespace Namespace(JinjaArguments arguments)
    {
        var space = new JinjaNamespace();
        foreach ((string name, object? value) in arguments.Named.Concat(arguments.Get(0, "", null) as Dictionary<string, object?> ?? []))
        {
            space.Values[name] = value;
        }

        return space;
    }

    private static List<object?> Range(JinjaArguments arguments)
    {
        long[] numbers = [.. arguments.Values.Select(value => value as long? ?? throw arguments.Wrong("range needs integers"))];
        (long from, long to) = numbers.Length == 1 ? (0, numbers[0]) : numbers.Length is 2 or 3 ? (numbers[0], numbers[1]) : throw arguments.Wrong("range needs one to three integers");
        long step = numbers.Length == 3 ? numbers[2] : 1;
        var items = new List<object?>();
        for (long i = from; step > 0 ? i < to : i > to; i += step)
        {
            if (step == 0 || items.Count == RangeMax)
            {
                throw arguments.Wrong($"a range has at most {RangeMax} numbers");
            }

            items.Add(i);
        }

        return items;
    }

    private static string Format(string format, DateOnly date, JinjaArguments arguments)
    {
        var text = new System.Text.StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            string pattern = format[++i] switch
            {
                'd' => "dd", 'b' => "MMM", 'B' => "MMMM", 'm' => "MM", 'Y' => "yyyy", 'y' => "yy", 'a' => "ddd", 'A' => "dddd",
                'H' or 'M' or 'S' => "'00'", 'I' => "'12'", 'p' => "'AM'", '%' => "'%'",
                _ => throw arguments.Wrong($"'%{format[i]}' in the format of strftime_now is not understood"),
            };
            text.Append(date.ToString(pattern, CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }
}
