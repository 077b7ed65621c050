namespace Tributary.Training.Jinja;

/// <summary>An expression of a template.</summary>
internal abstract record JinjaExpression(int Line)
{
    public abstract object? Evaluate(JinjaScope scope);

    protected ChatTemplateException Wrong(string what) => new($"line {Line}: {what}");
}

/// <summary>An argument of a call, with its name if it has one.</summary>
internal sealed record JinjaArgument(string? Name, JinjaExpression Value)
{
    /// <summary>Evaluates arguments.</summary>
    /// <param name="arguments">The arguments as they stand.</param>
    /// <param name="scope">What names mean.</param>
    /// <param name="what">What is called, for errors.</param>
    /// <param name="line">Where it is called.</param>
    /// <param name="first">Values that come before them: what a filter or test is applied to.</param>
    public static JinjaArguments Evaluate(JinjaArgument[] arguments, JinjaScope scope, string what, int line, params object?[] first)
    {
        object?[] values = [.. first, .. arguments.Where(argument => argument.Name is null).Select(argument => argument.Value.Evaluate(scope))];
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (JinjaArgument argument in arguments.Where(argument => argument.Name is not null))
        {
            named[argument.Name!] = argument.Value.Evaluate(scope);
        }

        return new JinjaArguments(what, line, values, named);
    }
}

internal sealed record LiteralExpression(int Line, object? Value) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => Value;
}

internal sealed record NameExpression(int Line, string Name) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => scope.Get(Name);
}

internal sealed record ListExpression(int Line, JinjaExpression[] Items) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => Items.Select(item => item.Evaluate(scope)).ToList();
}

internal sealed record DictionaryExpression(int Line, (JinjaExpression Key, JinjaExpression Value)[] Entries) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope)
    {
        var dictionary = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((JinjaExpression key, JinjaExpression value) in Entries)
        {
            dictionary[key.Evaluate(scope) as string ?? throw Wrong("a key that is not text is not understood")] = value.Evaluate(scope);
        }

        return dictionary;
    }
}

/// <summary><c>value.name</c></summary>
internal sealed record AttributeExpression(int Line, JinjaExpression Value, string Name) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => Value.Evaluate(scope) switch
    {
        JinjaUndefined missing => throw Wrong($"'{missing.Name}' is undefined, so it has no '{Name}'"),
        JinjaNamespace space => space.Values.TryGetValue(Name, out object? value) ? value : new JinjaUndefined(Name),
        var value => JinjaMethods.Find(value, Name)
            ?? (value is Dictionary<string, object?> dictionary && dictionary.TryGetValue(Name, out object? entry) ? entry : new JinjaUndefined(Name)),
    };
}

/// <summary><c>value[index]</c></summary>
internal sealed record SubscriptExpression(int Line, JinjaExpression Value, JinjaExpression Index) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope)
    {
        object? index = Index.Evaluate(scope);
        switch (Value.Evaluate(scope), index)
        {
            case (JinjaUndefined missing, _):
                throw Wrong($"'{missing.Name}' is undefined, so it has no [{PythonText.Repr(index)}]");
            case (Dictionary<string, object?> dictionary, string key):
                return dictionary.TryGetValue(key, out object? entry) ? entry : JinjaMethods.Find(dictionary, key) ?? (object)new JinjaUndefined(key);
            case (List<object?> list, long place):
                place += place < 0 ? list.Count : 0;
                return place >= 0 && place < list.Count ? list[(int)place] : new JinjaUndefined($"[{PythonText.Repr(index)}]");
            case (string text, long place):
                string[] characters = PythonText.Characters(text);
                place += place < 0 ? characters.Length : 0;
                return place >= 0 && place < characters.Length ? characters[place] : new JinjaUndefined($"[{PythonText.Repr(index)}]");
            default:
                return new JinjaUndefined($"[{PythonText.Repr(index)}]");
        }
    }
}

/// <summary><c>value[from:to:step]</c></summary>
internal sealed record SliceExpression(int Line, JinjaExpression Value, JinjaExpression? From, JinjaExpression? To, JinjaExpression? Step) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope)
    {
        long? Number(JinjaExpression? part) => part?.Evaluate(scope) switch
        {
            null => null,
            long number => number,
            var other => throw Wrong($"a slice needs integers, not {PythonText.Repr(other)}"),
        };
        long step = Number(Step) ?? 1;
        return Value.Evaluate(scope) switch
        {
            _ when step == 0 => throw Wrong("a slice needs a step that is not 0"),
            string text => string.Concat(Slice(PythonText.Characters(text), Number(From), Number(To), step)),
            List<object?> list => Slice(list, Number(From), Number(To), step),
            var other => throw Wrong($"{PythonValue.KindOf(other)} cannot be sliced"),
        };
    }

    private static List<T> Slice<T>(IReadOnlyList<T> items, long? from, long? to, long step)
    {
        long Place(long? place, long missing) => place is not { } given ? missing
            : Math.Clamp(given < 0 ? given + items.Count : given, step > 0 ? 0 : -1, step > 0 ? items.Count : items.Count - 1);
        long end = Place(to, step > 0 ? items.Count : -1);
        var slice = new List<T>();
        for (long i = Place(from, step > 0 ? 0 : items.Count - 1); step > 0 ? i < end : i > end; i += step)
        {
            slice.Add(items[(int)i]);
        }

        return slice;
    }
}

internal sealed record CallExpression(int Line, JinjaExpression Callee, JinjaArgument[] Arguments) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope)
    {
        string name = Callee switch { NameExpression named => named.Name, AttributeExpression attribute => attribute.Name, _ => "this" };
        JinjaCallable callable = Callee.Evaluate(scope) as JinjaCallable
            ?? throw Wrong($"'{name}' is called, but there is no such function or method, or it is not understood");
        return callable(JinjaArgument.Evaluate(Arguments, scope, name, Line));
    }
}

/// <summary><c>value | name(arguments)</c></summary>
internal sealed record FilterExpression(int Line, JinjaExpression Value, string Name, JinjaArgument[] Arguments) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) =>
        JinjaFilters.Apply(Name, JinjaArgument.Evaluate(Arguments, scope, $"the filter '{Name}'", Line, Value.Evaluate(scope)));
}

/// <summary><c>value is name(arguments)</c></summary>
internal sealed record TestExpression(int Line, JinjaExpression Value, string Name, JinjaArgument[] Arguments) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) =>
        JinjaTests.Apply(Name, JinjaArgument.Evaluate(Arguments, scope, $"the test '{Name}'", Line, Value.Evaluate(scope)));
}

internal sealed record NotExpression(int Line, JinjaExpression Value) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => !PythonValue.IsTrue(Value.Evaluate(scope));
}

/// <summary>and, or: one of the two values, as in Python.</summary>
internal sealed record LogicExpression(int Line, JinjaExpression Left, JinjaExpression Right, bool IsAnd) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope)
    {
        object? left = Left.Evaluate(scope);
        return PythonValue.IsTrue(left) == IsAnd ? Right.Evaluate(scope) : left;
    }
}

/// <summary><c>value if condition else otherwise</c></summary>
internal sealed record ConditionExpression(int Line, JinjaExpression Condition, JinjaExpression Value, JinjaExpression? Otherwise) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => PythonValue.IsTrue(Condition.Evaluate(scope))
        ? Value.Evaluate(scope)
        : Otherwise is null ? new JinjaUndefined("the inline if-expression without else") : Otherwise.Evaluate(scope);
}

internal sealed record ArithmeticExpression(int Line, string Sign, JinjaExpression Left, JinjaExpression Right) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope) => PythonValue.Arithmetic(Sign, Left.Evaluate(scope), Right.Evaluate(scope), Line);
}

/// <summary>Comparisons in a row, of neighbours each.</summary>
internal sealed record ComparisonExpression(int Line, JinjaExpression First, List<(string Sign, JinjaExpression Value)> Others) : JinjaExpression(Line)
{
    public override object? Evaluate(JinjaScope scope)
    {
        object? left = First.Evaluate(scope);
        foreach ((string sign, JinjaExpression value) in Others)
        {
            object? right = value.Evaluate(scope);
            if (!PythonValue.Compare(sign, left, right, Line))
            {
                return false;
            }

            left = right;
        }

        return true;
    }
}
