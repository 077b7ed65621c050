using System.Text.Json;
using Tributary.Training.Jinja;

namespace Tributary.Training.Tests.Jinja;

/// <summary>
/// Our reading of templates beside Jinja2's, for what Fixtures/make_templates.py wrote down. A difference is a conversation that the
/// model was not trained on in this form.
/// </summary>
public sealed class JinjaTemplateTests
{
    private static readonly JsonElement Expected =
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "templates", "expected.json"))).RootElement;

    private static Dictionary<string, object?> Names => Dictionary(Expected.GetProperty("names"));

    public static TheoryData<string> Forms => [.. Expected.GetProperty("forms").EnumerateArray().Select(form => form.GetProperty("name").GetString()!)];

    public static TheoryData<string> Snippets => [.. Expected.GetProperty("snippets").EnumerateArray().Select(row => row.GetProperty("template").GetString()!)];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Conversations_in_the_usual_forms_are_written_as_Jinja2_writes_them(string name)
    {
        JsonElement form = Expected.GetProperty("forms").EnumerateArray().Single(form => form.GetProperty("name").GetString() == name);
        JinjaTemplate template = JinjaTemplate.Parse(form.GetProperty("template").GetString()!);
        foreach (JsonElement row in form.GetProperty("cases").EnumerateArray())
        {
            Dictionary<string, object?> variables = Names;
            variables["messages"] = Value(row.GetProperty("messages"));
            variables["add_generation_prompt"] = row.GetProperty("add_generation_prompt").GetBoolean();
            variables["tools"] = variables["documents"] = null;
            if (row.TryGetProperty("error", out JsonElement error))
            {
                Should.Throw<ChatTemplateException>(() => Render(template, variables)).Message.ShouldContain(error.GetString()!);
            }
            else
            {
                Render(template, variables).ShouldBe(row.GetProperty("text").GetString(), row.GetProperty("messages").GetRawText());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Snippets))]
    public void Each_piece_of_the_language_means_what_it_means_in_Jinja2(string template)
    {
        string text = Expected.GetProperty("snippets").EnumerateArray().Single(row => row.GetProperty("template").GetString() == template).GetProperty("text").GetString()!;
        Render(JinjaTemplate.Parse(template), Names.Concat(Dictionary(Expected.GetProperty("values")))).ShouldBe(text);
    }

    [Theory]
    [InlineData("a\n{% macro f(x) %}{% endmacro %}", "line 2: the statement 'macro'")]
    [InlineData("a\n\n{{ x | wordwrap }}", "line 3: the filter 'wordwrap'")]
    [InlineData("\n{% if x is escaped %}{% endif %}", "line 2: the test 'escaped'")]
    [InlineData("\n{{ 'a'.zfill(3) }}", "line 2: 'zfill'")]
    [InlineData("\n{{ cycler(1) }}", "line 2: 'cycler'")]
    [InlineData("\n{{ nothing.x }}", "line 2: 'nothing' is undefined")]
    [InlineData("\n{{ 'a' + 1 }}", "line 2: '+' of text and a number")]
    [InlineData("{# a\n\n#}\n{{ 1 / 0 }}", "line 4: '/'")]
    [InlineData("\n{% if true %}", "line 2: 'endif' is missing")]
    [InlineData("{% endfor %}", "line 1: the statement 'endfor'")]
    [InlineData("\n{{ a", "line 2: a tag has no end '}}'")]
    [InlineData("\n{{ 'a }}", "line 2: a text has no end")]
    [InlineData("{{ a b }}", "line 1: '}}' is expected before 'b'")]
    [InlineData("{{ a ! b }}", "line 1: the sign '!'")]
    [InlineData("{% for x %}{% endfor %}", "line 1: 'in' is expected")]
    [InlineData("{% set x.y = 1 %}", "line 1: only attributes of a namespace()")]
    [InlineData("\n{{ raise_exception('no ' ~ 'way') }}", "line 2: the template refuses this conversation: no way")]
    [InlineData("{{ strftime_now('%Q') }}", "line 1: '%Q'")]
    [InlineData("{{ {1: 2} }}", "line 1: a key that is not text")]
    public void What_is_not_understood_is_named_with_its_line(string template, string message) =>
        Should.Throw<ChatTemplateException>(() => Render(JinjaTemplate.Parse(template), Names)).Message.ShouldContain(message);

    /// <summary>A template is part of a model that somebody published: it must not take the site's memory, time or stack.</summary>
    [Theory]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{{ 'a' * 100000 }}{% endfor %}")]
    [InlineData("{{ range(1000000000) }}")]
    [InlineData("{{ 'a' * 10000000000 }}")]
    [InlineData("{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=['a']) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}")]
    public void A_template_that_computes_without_an_end_is_stopped(string template) =>
        Should.Throw<ChatTemplateException>(() => Render(JinjaTemplate.Parse(template), Names));

    [Theory]
    [InlineData("{{ ", "(", " }}")]
    [InlineData("{{ ", "[", " }}")]
    [InlineData("{{ ", "-", "1 }}")]
    [InlineData("{{ ", "not ", "1 }}")]
    [InlineData("", "{% if 1 %}", "")]
    [InlineData("{{ ", "1 if ", "1 }}")]
    public void A_template_nested_too_deep_is_refused_and_does_not_end_the_process(string begin, string nested, string end) =>
        Should.Throw<ChatTemplateException>(() => JinjaTemplate.Parse(begin + string.Concat(Enumerable.Repeat(nested, 100_000)) + end));

    private static string Render(JinjaTemplate template, IEnumerable<KeyValuePair<string, object?>> variables) =>
        template.Render([.. variables, KeyValuePair.Create<string, object?>("strftime_now", JinjaFunctions.StrftimeOn(new DateOnly(2024, 7, 26)))]);

    private static Dictionary<string, object?> Dictionary(JsonElement element) => (Dictionary<string, object?>)Value(element)!;

    private static object? Value(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => element.TryGetInt64(out long number) ? (object)number : element.GetDouble(),
        JsonValueKind.Array => element.EnumerateArray().Select(Value).ToList(),
        JsonValueKind.Object => element.EnumerateObject().ToDictionary(property => property.Name, property => Value(property.Value), StringComparer.Ordinal),
        _ => null,
    };
}
