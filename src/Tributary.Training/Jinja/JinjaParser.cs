namespace Tributary.Training.Jinja;

/// <summary>Reads the statements of a template.</summary>
internal sealed class JinjaParser
{
    private readonly JinjaTokens _tokens;
    private readonly JinjaExpressionParser _expressions;

    public JinjaParser(List<JinjaToken> tokens)
    {
        _tokens = new JinjaTokens(tokens);
        _expressions = new JinjaExpressionParser(_tokens);
    }

    public JinjaStatement[] Template()
    {
        JinjaStatement[] body = Body();
        return _tokens.Next.Kind == JinjaTokenKind.End ? body : throw _tokens.Wrong($"{_tokens.Next} ends nothing");
    }

    /// <summary>Statements up to a tag that is one of the ends, of which the sign and the name are read, or to the end of the template.</summary>
    private JinjaStatement[] Body(params string[] ends)
    {
        return _tokens.Nested(() =>
        {
            var body = new List<JinjaStatement>();
            while (true)
            {
                JinjaToken token = _tokens.Next;
                switch (token.Kind)
                {
                    case JinjaTokenKind.End when ends.Length == 0:
                        return body.ToArray();
                    case JinjaTokenKind.End:
                        throw _tokens.Wrong($"'{ends[^1]}' is missing");
                    case JinjaTokenKind.Data:
                        body.Add(new DataStatement(token.Line, _tokens.Read().Value));
                        break;
                    case JinjaTokenKind.OutputBegin:
                        _tokens.Read();
                        body.Add(new OutputStatement(token.Line, _expressions.Read(tuple: true)));
                        _tokens.Expect(JinjaTokenKind.OutputEnd, "'}}'");
                        break;
                    default:
                        _tokens.Read();
                        if (ends.Contains(_tokens.Next.Value))
                        {
                            return body.ToArray();
                        }

                        body.Add(Statement(token.Line));
                        break;
                }
            }
        });
    }

    private JinjaStatement Statement(int line)
    {
        string name = _tokens.ReadName();
        switch (name)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "generation":
                EndTag();
                JinjaStatement[] body = Body("endgeneration");
                EndOf("endgeneration");
                return new BlockStatement(line, body);
            case "break" or "continue":
                EndTag();
                return new FlowStatement(line, name == "break" ? JinjaFlow.Break : JinjaFlow.Continue);
            default:
                throw new ChatTemplateException($"line {line}: the statement '{name}' is not understood; for, if, set, break, continue, raw and generation are");
        }
    }

    private IfStatement If(int line)
    {
        var branches = new List<(JinjaExpression?, JinjaStatement[])>();
        JinjaExpression condition = _expressions.Read();
        EndTag();
        branches.Add((condition, Body("elif", "else", "endif")));
        while (true)
        {
            if (_tokens.SkipName("elif"))
            {
                condition = _expressions.Read();
                EndTag();
                branches.Add((condition, Body("elif", "else", "endif")));
            }
            else if (_tokens.SkipName("else"))
            {
                EndTag();
                branches.Add((null, Body("endif")));
            }
            else
            {
                EndOf("endif");
                return new IfStatement(line, branches);
            }
        }
    }

    private ForStatement For(int line)
    {
        string[] names = Names();
        if (!_tokens.SkipName("in"))
        {
            throw _tokens.Wrong($"'in' is expected before {_tokens.Next}");
        }

        JinjaExpression items = _expressions.ReadWithoutCondition();
        JinjaExpression? condition = _tokens.SkipName("if") ? _expressions.Read() : null;
        if (_tokens.Next.IsName("recursive"))
        {
            throw _tokens.Wrong("'recursive' is not understood");
        }

        EndTag();
        JinjaStatement[] body = Body("else", "endfor"), otherwise = [];
        if (_tokens.SkipName("else"))
        {
            EndTag();
            otherwise = Body("endfor");
        }

        EndOf("endfor");
        return new ForStatement(line, names, items, condition, body, otherwise);
    }

    private JinjaStatement Set(int line)
    {
        string[] names = Names();
        string? attribute = names.Length == 1 && _tokens.Skip(".") ? _tokens.ReadName() : null;
        if (_tokens.Skip("="))
        {
            JinjaExpression value = _expressions.Read(tuple: true);
            EndTag();
            return new SetStatement(line, names, attribute, value);
        }

        if (names.Length > 1 || attribute is not null || _tokens.Next.Kind != JinjaTokenKind.BlockEnd)
        {
            throw _tokens.Wrong($"'=' is expected before {_tokens.Next}");
        }

        EndTag();
        JinjaStatement[] body = Body("endset");
        EndOf("endset");
        return new SetTextStatement(line, names[0], body);
    }

    private string[] Names()
    {
        bool bracket = _tokens.Skip("(");
        var names = new List<string> { _tokens.ReadName() };
        while (_tokens.Skip(","))
        {
            names.Add(_tokens.ReadName());
        }

        if (bracket)
        {
            _tokens.Expect(")");
        }

        return [.. names];
    }

    private void EndOf(string name)
    {
        if (!_tokens.SkipName(name))
        {
            throw _tokens.Wrong($"'{name}' is expected before {_tokens.Next}");
        }

        EndTag();
    }

    private void EndTag() => _tokens.Expect(JinjaTokenKind.BlockEnd, "'%}'");
}
