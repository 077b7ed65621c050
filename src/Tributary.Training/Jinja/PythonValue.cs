namespace Tributary.Training.Jinja;

/// <summary>
/// What Python's operators make of a template's values: text, bool, long, double, <c>List&lt;object?&gt;</c> (tuples too),
/// <c>Dictionary&lt;string, object?&gt;</c>, null for None, and <see cref="JinjaUndefined"/>.
/// </summary>
internal static class PythonValue
{
    private const long SizeMax = 1 << 22; // characters of a text, items of a list
    private const int DepthMax = 100; // of lists and dictionaries in each other

    /// <summary>Stops a template that makes values without an end.</summary>
    /// <exception cref="ChatTemplateException">A text or list would be larger than a template may make, or values lie in each other too deep.</exception>
    public static void RequireBounded(long size, int depth = 0)
    {
        if (size > SizeMax || depth > DepthMax)
        {
            throw new ChatTemplateException("the template makes a text or a list that is larger than any conversation");
        }
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined or false or 0L or 0d or "" => false,
        List<object?> list => list.Count > 0,
        Dictionary<string, object?> dictionary => dictionary.Count > 0,
        _ => true,
    };

    public static string KindOf(object? value) => value switch
    {
        null => "None",
        JinjaUndefined missing => $"the undefined '{missing.Name}'",
        string => "text",
        bool => "a bool",
        long or double => "a number",
        List<object?> => "a list",
        Dictionary<string, object?> => "a dictionary",
        _ => "a function or namespace",
    };

    public static long? Length(object? value) => value switch
    {
        string text => PythonText.Characters(text).Length,
        List<object?> list => list.Count,
        Dictionary<string, object?> dictionary => dictionary.Count,
        JinjaUndefined => 0,
        _ => null,
    };

    /// <summary>What a loop goes through.</summary>
    public static IEnumerable<object?> Items(object? value, int line) => value switch
    {
        List<object?> list => list,
        Dictionary<string, object?> dictionary => dictionary.Keys,
        string text => PythonText.Characters(text),
        JinjaUndefined => [],
        _ => throw new ChatTemplateException($"line {line}: {KindOf(value)} has no items to go through"),
    };

    /// <summary>Gives a name a value, or several names the items of one.</summary>
    public static void Bind(JinjaScope scope, string[] names, object? value, int line)
    {
        if (names.Length == 1)
        {
            scope.Set(names[0], value);
            return;
        }

        object?[] items = [.. Items(value, line)];
        if (items.Length != names.Length)
        {
            throw new ChatTemplateException($"line {line}: {names.Length} names are given {items.Length} values");
        }

        for (int i = 0; i < names.Length; i++)
        {
            scope.Set(names[i], items[i]);
        }
    }

    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (JinjaUndefined, JinjaUndefined) => true,
        (string a, string b) => a == b,
        (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => AreEqual(pair.First, pair.Second)),
        (Dictionary<string, object?> a, Dictionary<string, object?> b) =>
            a.Count == b.Count && a.All(entry => b.TryGetValue(entry.Key, out object? other) && AreEqual(entry.Value, other)),
        _ => Number(left) is { } a && Number(right) is { } b ? a == b : left is not null && ReferenceEquals(left, right),
    };

    public static bool Compare(string sign, object? left, object? right, int line)
    {
        switch (sign)
        {
            case "==":
                return AreEqual(left, right);
            case "!=":
                return !AreEqual(left, right);
            case "in":
                return Contains(right, left, line);
            case "not in":
                return !Contains(right, left, line);
        }

        int order = (left, right) switch
        {
            (string a, string b) => string.CompareOrdinal(a, b),
            _ when Number(left) is { } a && Number(right) is { } b => a.CompareTo(b),
            _ => throw new ChatTemplateException($"line {line}: {KindOf(left)} and {KindOf(right)} have no order for '{sign}'"),
        };
        return sign switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    public static bool Contains(object? container, object? value, int line) => (container, value) switch
    {
        (string text, string part) => text.Contains(part, StringComparison.Ordinal),
        (string, _) => throw new ChatTemplateException($"line {line}: only text can be looked for in text, not {KindOf(value)}"),
        (Dictionary<string, object?> dictionary, string key) => dictionary.ContainsKey(key),
        _ => Items(container, line).Any(item => AreEqual(item, value)),
    };

    public static object? Arithmetic(string sign, object? left, object? right, int line)
    {
        switch (sign, left, right)
        {
            case ("~", _, _):
                return Arithmetic("+", PythonText.Of(left), PythonText.Of(right), line);
            case ("+", string a, string b):
                RequireBounded(a.Length + b.Length);
                return a + b;
            case ("+", List<object?> a, List<object?> b):
                RequireBounded(a.Count + b.Count);
                return a.Concat(b).ToList();
            case ("*", string text, long count):
                count = Math.Clamp(count, 0, SizeMax + 1);
                RequireBounded(count * text.Length);
                return string.Concat(Enumerable.Repeat(text, text.Length == 0 ? 0 : (int)count));
        }

        long? a1 = Integer(left), b1 = Integer(right);
        try
        {
            object? result = a1 is { } a && b1 is { } b
                ? Integers(sign, a, b)
                : Number(left) is { } x && Number(right) is { } y ? Floats(sign, x, y) : null;
            return result ?? throw new ChatTemplateException($"line {line}: '{sign}' of {KindOf(left)} and {KindOf(right)} is not understood");
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            throw new ChatTemplateException($"line {line}: '{sign}' of these numbers has no result", e);
        }
    }

    private static object? Integers(string sign, long a, long b) => sign switch
    {
        "+" => (object)checked(a + b), // or all of them would become doubles
        "-" => checked(a - b),
        "*" => checked(a * b),
        "/" => b == 0 ? throw new DivideByZeroException() : (double)a / b,
        "//" => checked(a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0),
        "%" => b == -1 ? 0 : (a % b) + (a % b != 0 && (a < 0) != (b < 0) ? b : 0),
        "**" => b >= 0 && Math.Abs(Math.Pow(a, b)) < long.MaxValue ? (object)(long)Math.Pow(a, b) : Math.Pow(a, b),
        _ => null,
    };

    private static object? Floats(string sign, double a, double b) => sign switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => b == 0 ? throw new DivideByZeroException() : a / b,
        "//" => b == 0 ? throw new DivideByZeroException() : Math.Floor(a / b),
        "%" => b == 0 ? throw new DivideByZeroException() : a - (b * Math.Floor(a / b)),
        "**" => Math.Pow(a, b),
        _ => null,
    };

    private static long? Integer(object? value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    private static double? Number(object? value) => value is double number ? number : Integer(value);
}
