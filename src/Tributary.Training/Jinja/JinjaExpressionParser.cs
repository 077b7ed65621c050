using System.Globalization;

namespace Tributary.Training.Jinja;

/// <summary>Reads expressions, each level of precedence by a method: condition, or, and, not, comparison, sum, join, product, power, sign.</summary>
internal sealed class JinjaExpressionParser(JinjaTokens tokens)
{
    /// <summary>An expression; where a tuple may stand, several with commas between them are one.</summary>
    public JinjaExpression Read(bool tuple = false)
    {
        int line = tokens.Next.Line;
        JinjaExpression first = tokens.Nested(Condition);
        if (!tuple || !tokens.Next.Is(","))
        {
            return first;
        }

        var items = new List<JinjaExpression> { first };
        while (tokens.Skip(","))
        {
            if (tokens.Next.Is(")") || tokens.Next.Kind is JinjaTokenKind.BlockEnd or JinjaTokenKind.OutputEnd)
            {
                break;
            }

            items.Add(tokens.Nested(Condition));
        }

        return new ListExpression(line, [.. items]);
    }

    /// <summary>An expression that ends before an 'if'.</summary>
    public JinjaExpression ReadWithoutCondition() => Or();

    private JinjaExpression Condition()
    {
        JinjaExpression value = Or();
        while (tokens.Next.IsName("if"))
        {
            int line = tokens.Read().Line;
            JinjaExpression condition = Or();
            value = new ConditionExpression(line, condition, value, tokens.SkipName("else") ? tokens.Nested(Condition) : null);
        }

        return value;
    }

    private JinjaExpression Or()
    {
        JinjaExpression left = And();
        while (tokens.SkipName("or"))
        {
            left = new LogicExpression(left.Line, left, And(), IsAnd: false);
        }

        return left;
    }

    private JinjaExpression And()
    {
        JinjaExpression left = Not();
        while (tokens.SkipName("and"))
        {
            left = new LogicExpression(left.Line, left, Not(), IsAnd: true);
        }

        return left;
    }

    private JinjaExpression Not()
    {
        int line = tokens.Next.Line;
        return tokens.SkipName("not") ? new NotExpression(line, tokens.Nested(Not)) : Comparison();
    }

    private JinjaExpression Comparison()
    {
        JinjaExpression first = Sum();
        var others = new List<(string, JinjaExpression)>();
        while (true)
        {
            string sign;
            if (tokens.Next.Kind == JinjaTokenKind.Operator && tokens.Next.Value is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                sign = tokens.Read().Value;
            }
            else if (tokens.SkipName("in"))
            {
                sign = "in";
            }
            else if (tokens.SkipNames("not", "in"))
            {
                sign = "not in";
            }
            else
            {
                return others.Count == 0 ? first : new ComparisonExpression(first.Line, first, others);
            }

            others.Add((sign, Sum()));
        }
    }

    private JinjaExpression Sum() => Binary(Join, "+", "-");

    private JinjaExpression Join() => Binary(Product, "~");

    private JinjaExpression Product() => Binary(Power, "*", "/", "//", "%");

    private JinjaExpression Power() => Binary(Sign, "**");

    private JinjaExpression Binary(Func<JinjaExpression> operand, params string[] signs)
    {
        JinjaExpression left = operand();
        while (tokens.Next.Kind == JinjaTokenKind.Operator && signs.Contains(tokens.Next.Value))
        {
            JinjaToken sign = tokens.Read();
            left = new ArithmeticExpression(sign.Line, sign.Value, left, operand());
        }

        return left;
    }

    private JinjaExpression Sign() => WithFilters(Signed());

    private JinjaExpression Signed()
    {
        int line = tokens.Next.Line;
        if (tokens.Skip("-"))
        {
            return new ArithmeticExpression(line, "-", new LiteralExpression(line, 0L), tokens.Nested(Signed));
        }

        return tokens.Skip("+") ? tokens.Nested(Signed) : WithParts(Primary());
    }

    private JinjaExpression Primary()
    {
        JinjaToken token = tokens.Read();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Value switch
                {
                    "true" or "True" => new LiteralExpression(token.Line, true),
                    "false" or "False" => new LiteralExpression(token.Line, false),
                    "none" or "None" => new LiteralExpression(token.Line, null),
                    _ => new NameExpression(token.Line, token.Value),
                };
            case JinjaTokenKind.Text:
                string text = token.Value;
                while (tokens.Next.Kind == JinjaTokenKind.Text)
                {
                    text += tokens.Read().Value;
                }

                return new LiteralExpression(token.Line, text);
            case JinjaTokenKind.Integer:
                return new LiteralExpression(token.Line, long.TryParse(token.Value, CultureInfo.InvariantCulture, out long integer)
                    ? integer
                    : throw new ChatTemplateException($"line {token.Line}: the number {token.Value} is too large"));
            case JinjaTokenKind.Float:
                return new LiteralExpression(token.Line, double.Parse(token.Value, CultureInfo.InvariantCulture));
        }

        switch (token.Value)
        {
            case "(" when tokens.Skip(")"):
                return new ListExpression(token.Line, []);
            case "(":
                JinjaExpression inner = Read(tuple: true);
                tokens.Expect(")");
                return inner;
            case "[":
                return new ListExpression(token.Line, Items("]", () => Read()));
            case "{":
                return new DictionaryExpression(token.Line, Items("}", Entry));
            default:
                throw new ChatTemplateException($"line {token.Line}: {token} is not understood here");
        }
    }

    private (JinjaExpression Key, JinjaExpression Value) Entry()
    {
        JinjaExpression key = Read();
        tokens.Expect(":");
        return (key, Read());
    }

    private T[] Items<T>(string end, Func<T> read)
    {
        var items = new List<T>();
        while (!tokens.Skip(end))
        {
            items.Add(read());
            if (!tokens.Next.Is(end))
            {
                tokens.Expect(",");
            }
        }

        return [.. items];
    }

    /// <summary>Attributes, subscripts and calls after a value.</summary>
    private JinjaExpression WithParts(JinjaExpression value)
    {
        while (true)
        {
            int line = tokens.Next.Line;
            if (tokens.Skip("."))
            {
                value = tokens.Next.Kind == JinjaTokenKind.Integer
                    ? new SubscriptExpression(line, value, Primary())
                    : new AttributeExpression(line, value, tokens.ReadName());
            }
            else if (tokens.Skip("["))
            {
                value = Subscript(line, value);
            }
            else if (tokens.Next.Is("("))
            {
                value = new CallExpression(line, value, Arguments());
            }
            else
            {
                return value;
            }
        }
    }

    private JinjaExpression Subscript(int line, JinjaExpression value)
    {
        JinjaExpression? Part() => tokens.Next.Is(":") || tokens.Next.Is("]") ? null : Read();
        JinjaExpression? first = Part();
        if (!tokens.Skip(":"))
        {
            tokens.Expect("]");
            return new SubscriptExpression(line, value, first ?? throw tokens.Wrong("an index is expected before ']'"));
        }

        JinjaExpression? end = Part();
        JinjaExpression? step = tokens.Skip(":") ? Part() : null;
        tokens.Expect("]");
        return new SliceExpression(line, value, first, end, step);
    }

    /// <summary>Filters and tests after a value.</summary>
    private JinjaExpression WithFilters(JinjaExpression value)
    {
        while (true)
        {
            int line = tokens.Next.Line;
            if (tokens.Skip("|"))
            {
                string name = tokens.ReadName();
                value = new FilterExpression(line, value, name, tokens.Next.Is("(") ? Arguments() : []);
            }
            else if (tokens.SkipName("is"))
            {
                bool not = tokens.SkipName("not");
                string name = tokens.ReadName();
                JinjaExpression test = new TestExpression(line, value, name, TestArguments());
                value = not ? new NotExpression(line, test) : test;
            }
            else if (tokens.Next.Is("("))
            {
                value = new CallExpression(line, value, Arguments());
            }
            else
            {
                return value;
            }
        }
    }

    private JinjaArgument[] TestArguments()
    {
        if (tokens.Next.Is("("))
        {
            return Arguments();
        }

        bool value = tokens.Next.Kind is JinjaTokenKind.Text or JinjaTokenKind.Integer or JinjaTokenKind.Float || tokens.Next.Is("[") || tokens.Next.Is("{")
            || (tokens.Next.Kind == JinjaTokenKind.Name && tokens.Next.Value is not ("else" or "or" or "and" or "is" or "if" or "in" or "not" or "recursive"));
        return value ? [new JinjaArgument(null, WithParts(Primary()))] : [];
    }

    private JinjaArgument[] Arguments()
    {
        tokens.Expect("(");
        return Items(")", () =>
        {
            JinjaExpression value = Read();
            return value is NameExpression name && tokens.Skip("=") ? new JinjaArgument(name.Name, Read()) : new JinjaArgument(null, value);
        });
    }
}
