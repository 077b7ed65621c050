namespace Tributary.Training.Jinja;

/// <summary>The tokens of a template, read from the first to the last.</summary>
internal sealed class JinjaTokens(List<JinjaToken> tokens)
{
    private const int DepthMax = 150; // of brackets and blocks in each other; a template with more is out to overflow the stack

    private int _at;
    private int _depth;

    public JinjaToken Next => tokens[_at];

    public JinjaToken Read() => Next.Kind == JinjaTokenKind.End ? Next : tokens[_at++];

    /// <summary>Reads a sign if it is the next token.</summary>
    public bool Skip(string sign)
    {
        bool found = Next.Is(sign);
        _at += found ? 1 : 0;
        return found;
    }

    /// <summary>Reads a keyword if it is the next token.</summary>
    public bool SkipName(string name)
    {
        bool found = Next.IsName(name);
        _at += found ? 1 : 0;
        return found;
    }

    /// <summary>Reads a keyword if it is the next token and another follows it.</summary>
    public bool SkipNames(string first, string second)
    {
        bool found = Next.IsName(first) && tokens[_at + 1].IsName(second);
        _at += found ? 2 : 0;
        return found;
    }

    public void Expect(string sign)
    {
        if (!Skip(sign))
        {
            throw Wrong($"'{sign}' is expected before {Next}");
        }
    }

    public JinjaToken Expect(JinjaTokenKind kind, string what) => Next.Kind == kind ? Read() : throw Wrong($"{what} is expected before {Next}");

    public string ReadName() => Expect(JinjaTokenKind.Name, "a name").Value;

    /// <summary>Reads a part that may contain parts of its own kind.</summary>
    public T Nested<T>(Func<T> read)
    {
        if (++_depth > DepthMax)
        {
            throw Wrong($"more than {DepthMax} expressions or blocks are in each other");
        }

        T result = read();
        _depth--;
        return result;
    }

    public ChatTemplateException Wrong(string what) => new($"line {Next.Line}: {what}");
}
