using System.Net;

namespace Tributary.Simulation.Reports;

/// <summary>HTML as it goes into the page, already escaped.</summary>
internal readonly record struct Html(string Markup)
{
    /// <summary>The text is markup; whatever is interpolated is escaped, unless it is <see cref="Html"/> itself.</summary>
    public static Html From(FormattableString markup)
    {
        object[] values = [.. markup.GetArguments().Select(value => (object)Escaped(value))];
        return new Html(string.Format(markup.Format, values));
    }

    public static Html Join(IEnumerable<Html> parts) => new(string.Join('\n', parts.Select(part => part.Markup)));

    private static string Escaped(object? value) => value is Html html ? html.Markup : WebUtility.HtmlEncode(value?.ToString() ?? "");
}
