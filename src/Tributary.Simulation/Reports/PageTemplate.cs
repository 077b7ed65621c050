using System.Text;

namespace Tributary.Simulation.Reports;

/// <summary>The templates of pages, and what stands in them between double braces.</summary>
internal static class PageTemplate
{
    /// <summary>Fills a template in one pass, so that a job called "{{data}}" stays a name.</summary>
    public static string Fill(string template, Func<string, string> value)
    {
        string text = Resource(template);
        var page = new StringBuilder();
        int at = 0;
        while (text.IndexOf("{{", at, StringComparison.Ordinal) is var open and >= 0)
        {
            int close = text.IndexOf("}}", open, StringComparison.Ordinal);
            page.Append(text, at, open - at).Append(value(text[(open + 2)..close]));
            at = close + 2;
        }

        return page.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>A file that pages are made of.</summary>
    public static string Resource(string name)
    {
        using Stream stream = typeof(PageTemplate).Assembly.GetManifestResourceStream("report/" + name)
            ?? throw new InvalidOperationException($"This build of Tributary.Simulation lacks its resource '{name}'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
