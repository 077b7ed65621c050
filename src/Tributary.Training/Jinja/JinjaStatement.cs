namespace Tributary.Training.Jinja;

/// <summary>How a template goes on after a statement.</summary>
internal enum JinjaFlow
{
    /// <summary>With the next one.</summary>
    Next,

    /// <summary>With the next pass of the loop.</summary>
    Continue,

    /// <summary>After the loop.</summary>
    Break,
}

/// <summary>A statement of a template.</summary>
internal abstract record JinjaStatement(int Line)
{
    public abstract JinjaFlow Render(JinjaScope scope, JinjaOutput output);

    /// <summary>Renders statements one after another until one leaves the loop they are in.</summary>
    protected static JinjaFlow RenderAll(JinjaStatement[] statements, JinjaScope scope, JinjaOutput output)
    {
        foreach (JinjaStatement statement in statements)
        {
            if (statement.Render(scope, output) is var flow and not JinjaFlow.Next)
            {
                return flow;
            }
        }

        return JinjaFlow.Next;
    }
}

/// <summary>Text outside of tags.</summary>
internal sealed record DataStatement(int Line, string Text) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output)
    {
        output.Append(Text, Line);
        return JinjaFlow.Next;
    }
}

/// <summary><c>{{ value }}</c></summary>
internal sealed record OutputStatement(int Line, JinjaExpression Value) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output)
    {
        output.Append(PythonText.Of(Value.Evaluate(scope)), Line);
        return JinjaFlow.Next;
    }
}

/// <summary>if, elif and else; the last condition may be nothing.</summary>
internal sealed record IfStatement(int Line, IReadOnlyList<(JinjaExpression? Condition, JinjaStatement[] Body)> Branches) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output)
    {
        foreach ((JinjaExpression? condition, JinjaStatement[] body) in Branches)
        {
            if (condition is null || PythonValue.IsTrue(condition.Evaluate(scope)))
            {
                return RenderAll(body, scope, output);
            }
        }

        return JinjaFlow.Next;
    }
}

/// <summary>for, with a condition perhaps, and what is to be done where there is nothing to go through.</summary>
internal sealed record ForStatement(
    int Line, string[] Names, JinjaExpression Items, JinjaExpression? Condition, JinjaStatement[] Body, JinjaStatement[] Else) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output)
    {
        var items = new List<object?>();
        foreach (object? item in PythonValue.Items(Items.Evaluate(scope), Line))
        {
            output.Step(Line);
            if (Condition is null || PythonValue.IsTrue(Condition.Evaluate(Bind(scope, item))))
            {
                items.Add(item);
            }
        }

        for (int i = 0; i < items.Count; i++)
        {
            output.Step(Line);
            JinjaScope pass = Bind(scope, items[i]);
            pass.Set("loop", Loop(items, i));
            if (RenderAll(Body, pass, output) == JinjaFlow.Break)
            {
                return JinjaFlow.Next;
            }
        }

        return items.Count == 0 ? RenderAll(Else, scope, output) : JinjaFlow.Next;
    }

    private JinjaScope Bind(JinjaScope scope, object? item)
    {
        var pass = new JinjaScope(scope);
        PythonValue.Bind(pass, Names, item, Line);
        return pass;
    }

    private static Dictionary<string, object?> Loop(List<object?> items, int i) => new(StringComparer.Ordinal)
    {
        ["index"] = i + 1L,
        ["index0"] = (long)i,
        ["revindex"] = (long)items.Count - i,
        ["revindex0"] = items.Count - i - 1L,
        ["first"] = i == 0,
        ["last"] = i == items.Count - 1,
        ["length"] = (long)items.Count,
        ["previtem"] = i > 0 ? items[i - 1] : new JinjaUndefined("loop.previtem"),
        ["nextitem"] = i + 1 < items.Count ? items[i + 1] : new JinjaUndefined("loop.nextitem"),
    };
}

/// <summary>set, of names or of a namespace's attribute.</summary>
internal sealed record SetStatement(int Line, string[] Names, string? Attribute, JinjaExpression Value) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output)
    {
        object? value = Value.Evaluate(scope);
        if (Attribute is null)
        {
            PythonValue.Bind(scope, Names, value, Line);
        }
        else
        {
            JinjaNamespace target = scope.Get(Names[0]) as JinjaNamespace
                ?? throw new ChatTemplateException($"line {Line}: only attributes of a namespace() can be set, and '{Names[0]}' is none");
            target.Values[Attribute] = value;
        }

        return JinjaFlow.Next;
    }
}

/// <summary>set with a body: the text of the body.</summary>
internal sealed record SetTextStatement(int Line, string Name, JinjaStatement[] Body) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output)
    {
        int length = output.Length;
        JinjaFlow flow = RenderAll(Body, new JinjaScope(scope), output);
        scope.Set(Name, output.TakeFrom(length));
        return flow;
    }
}

/// <summary>Statements that are rendered as they stand: <c>{% generation %}</c>, with which templates mark what the model writes.</summary>
internal sealed record BlockStatement(int Line, JinjaStatement[] Body) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output) => RenderAll(Body, scope, output);
}

/// <summary>break and continue.</summary>
internal sealed record FlowStatement(int Line, JinjaFlow Flow) : JinjaStatement(Line)
{
    public override JinjaFlow Render(JinjaScope scope, JinjaOutput output) => Flow;
}
