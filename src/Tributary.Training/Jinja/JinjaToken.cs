namespace Tributary.Training.Jinja;

/// <summary>What a token of a template is.</summary>
internal enum JinjaTokenKind
{
    /// <summary>Text outside of tags.</summary>
    Data,

    /// <summary><c>{{</c></summary>
    OutputBegin,

    /// <summary><c>}}</c></summary>
    OutputEnd,

    /// <summary><c>{%</c></summary>
    BlockBegin,

    /// <summary><c>%}</c></summary>
    BlockEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A text literal, its escapes resolved.</summary>
    Text,

    /// <summary>An integer literal.</summary>
    Integer,

    /// <summary>A literal with a fraction or an exponent.</summary>
    Float,

    /// <summary>An operator or a bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A token.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Value">Its text.</param>
/// <param name="Line">Its line, from 1.</param>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Value, int Line)
{
    public bool Is(string sign) => Kind == JinjaTokenKind.Operator && Value == sign;

    public bool IsName(string name) => Kind == JinjaTokenKind.Name && Value == name;

    /// <summary>How it is called in an error.</summary>
    public override string ToString() => Kind == JinjaTokenKind.End ? "the end of the template" : $"'{Value}'";
}
