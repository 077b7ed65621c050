using System.Text;

namespace Tributary.Training.Jinja;

/// <summary>
/// A template in the part of Jinja that chat templates are written in: for, if, set, expressions, the usual filters, tests and methods;
/// blocks are trimmed as transformers has them trimmed (trim_blocks, lstrip_blocks). It computes text from values and nothing else: it
/// reads no files, and what it may compute is bounded.
/// </summary>
/// <remarks>
/// What is not understood is refused by name and line: statements when the template is read, filters, tests and methods when they are
/// come to, so that a template may have them where it does not need them.
/// </remarks>
internal sealed class JinjaTemplate
{
    private readonly JinjaStatement[] _body;

    private JinjaTemplate(JinjaStatement[] body) => _body = body;

    /// <summary>Reads a template.</summary>
    /// <exception cref="ChatTemplateException">Something is not understood.</exception>
    public static JinjaTemplate Parse(string source) => new(new JinjaParser(JinjaLexer.Tokens(source)).Template());

    /// <summary>Makes the text.</summary>
    /// <param name="variables">What names mean; values are text, bool, long, double, lists and dictionaries of them, and nothing.</param>
    /// <exception cref="ChatTemplateException">Something is not understood or does not fit, or the template itself objects.</exception>
    public string Render(IEnumerable<KeyValuePair<string, object?>> variables)
    {
        var scope = new JinjaScope(null);
        foreach ((string name, object? value) in variables)
        {
            scope.Set(name, value);
        }

        var output = new JinjaOutput();
        foreach (JinjaStatement statement in _body)
        {
            if (statement.Render(scope, output) != JinjaFlow.Next)
            {
                break;
            }
        }

        return output.ToString();
    }
}

/// <summary>The text that a template makes, with a bound on it and on the steps to it.</summary>
internal sealed class JinjaOutput
{
    private const int LengthMax = 1 << 24;
    private const int StepsMax = 1_000_000;

    private readonly StringBuilder _text = new();
    private int _steps;

    public int Length => _text.Length;

    public void Append(string text, int line)
    {
        if (_text.Length + (long)text.Length > LengthMax)
        {
            throw new ChatTemplateException($"line {line}: the text has become longer than {LengthMax} characters");
        }

        _text.Append(text);
    }

    /// <summary>Counts a pass of a loop.</summary>
    public void Step(int line)
    {
        if (++_steps > StepsMax)
        {
            throw new ChatTemplateException($"line {line}: loops have run {StepsMax} times without an end");
        }
    }

    /// <summary>Takes off what was written after a length and gives it.</summary>
    public string TakeFrom(int length)
    {
        string text = _text.ToString(length, _text.Length - length);
        _text.Length = length;
        return text;
    }

    public override string ToString() => _text.ToString();
}
