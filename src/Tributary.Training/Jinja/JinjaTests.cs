namespace Tributary.Training.Jinja;

/// <summary>What may stand after <c>is</c>, which Jinja calls tests.</summary>
internal static class JinjaTests
{
    public static bool Apply(string name, JinjaArguments arguments)
    {
        object? value = arguments.Values[0];
        return name switch
        {
            "defined" => value is not JinjaUndefined,
            "undefined" => value is JinjaUndefined,
            "none" => value is null,
            "string" => value is string,
            "number" => value is long or double or bool,
            "integer" => value is long,
            "float" => value is double,
            "boolean" => value is bool,
            "true" => value is true,
            "false" => value is false,
            "mapping" => value is Dictionary<string, object?>,
            "iterable" or "sequence" => value is string or List<object?> or Dictionary<string, object?> || (name == "iterable" && value is JinjaUndefined),
            "callable" => value is JinjaCallable,
            "odd" => value is long number && number % 2 != 0,
            "even" => value is long number && number % 2 == 0,
            "divisibleby" => value is long number && arguments.Get(1, "num", null) is long and not 0 && number % (long)arguments.Get(1, "num", null)! == 0,
            "in" => PythonValue.Contains(arguments.Get(1, "seq", null), value, arguments.Line),
            "equalto" or "eq" or "==" => Compare("=="),
            "ne" => Compare("!="),
            "lt" or "lessthan" => Compare("<"),
            "le" => Compare("<="),
            "gt" or "greaterthan" => Compare(">"),
            "ge" => Compare(">="),
            "sameas" => ReferenceEquals(value, arguments.Get(1, "other", null)) || (value is bool && Compare("==") && arguments.Get(1, "other", null) is bool),
            _ => throw arguments.Wrong($"the test '{name}' is not understood"),
        };

        bool Compare(string sign) => PythonValue.Compare(sign, value, arguments.Get(1, "other", null), arguments.Line);
    }
}
