namespace Tributary.Training.Jinja;

/// <summary>What names mean at a place of a template. A loop has a scope of its own for each pass; what is set there is gone after it.</summary>
internal sealed class JinjaScope(JinjaScope? outer)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => _values[name] = value;

    /// <summary>The value of a name, which is <see cref="JinjaUndefined"/> where it has none.</summary>
    public object? Get(string name)
    {
        for (JinjaScope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out object? value))
            {
                return value;
            }
        }

        return JinjaFunctions.Find(name) ?? (object)new JinjaUndefined(name);
    }

    private JinjaScope? Outer { get; } = outer;
}

/// <summary>The value of a name, key or index that there is not: no text, false, and an error where more is asked of it.</summary>
internal sealed record JinjaUndefined(string Name);

/// <summary>A value whose attributes can be set from inside a loop: <c>namespace(...)</c>.</summary>
internal sealed class JinjaNamespace
{
    public Dictionary<string, object?> Values { get; } = new(StringComparer.Ordinal);
}

/// <summary>What can be called: a function, or a method with its object.</summary>
internal delegate object? JinjaCallable(JinjaArguments arguments);

/// <summary>The arguments of a call, a filter or a test.</summary>
/// <param name="What">What is called, for errors.</param>
/// <param name="Line">Where.</param>
/// <param name="Values">Those by place.</param>
/// <param name="Named">Those by name.</param>
internal sealed record JinjaArguments(string What, int Line, object?[] Values, Dictionary<string, object?> Named)
{
    /// <summary>The argument at a place or with a name; a given value where it is left out.</summary>
    public object? Get(int place, string name, object? missing) => place < Values.Length ? Values[place] : Named.GetValueOrDefault(name, missing);

    /// <summary>The text at a place or with a name.</summary>
    public string Text(int place, string name) =>
        Get(place, name, null) as string ?? throw Wrong($"{What} needs text as argument {place + 1} ('{name}')");

    public ChatTemplateException Wrong(string what) => new($"line {Line}: {what}");
}
