using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Tributary.Simulation.Reports;

namespace Tributary.Simulation.Tests.Reports;

/// <summary>A report written into a folder of its own, and what can be read in it.</summary>
internal sealed partial class ReportFile : IDisposable
{
    private const int TimeoutMs = 10_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tributary-report-");

    public ReportFile(RunSummary summary)
    {
        Path = System.IO.Path.Combine(_folder.FullName, "report.html");
        ReportWriter.Write(summary, Path);
        Html = File.ReadAllText(Path);
    }

    public string Path { get; }

    public string Html { get; }

    /// <summary>The page without its scripts, its style and its comments.</summary>
    public string Markup => Unread().Replace(Html, "");

    /// <summary>The text of the cells of a table's body and foot, row by row.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Table(string caption)
    {
        string table = Tables().Matches(Markup).Select(match => match.Value).Single(text => text.Contains($"id=\"{caption}\""));
        return [.. Rows().Matches(table[table.IndexOf("<tbody>", StringComparison.Ordinal)..])
            .Select(row => Cells().Matches(row.Value).Select(cell => Text(cell.Groups["text"].Value)).ToArray())];
    }

    /// <summary>A copy of the report, copy.html, with more at the end of its body.</summary>
    public string With(string markup) => Beside("copy.html", Html.Insert(Html.LastIndexOf("</body>", StringComparison.Ordinal), markup));

    /// <summary>Another page in the report's folder.</summary>
    public string Beside(string name, string html)
    {
        string path = System.IO.Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, html);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    public static string Text(string html) => WebUtility.HtmlDecode(Tags().Replace(html, "")).Trim();

    /// <summary>A number with its sign, of a cell that begins with one.</summary>
    public static double Number(string cell) =>
        double.Parse(LeadingNumber().Match(cell.Replace('−', '-')).Value, NumberStyles.Number, CultureInfo.InvariantCulture);

    /// <summary>Whatever makes a browser load something.</summary>
    [GeneratedRegex(@"\b(src|srcset|href|data|action|poster)\s*=", RegexOptions.ExplicitCapture, TimeoutMs)]
    public static partial Regex Loading();

    [GeneratedRegex(@"^[+-]?[\d,.]+", RegexOptions.None, TimeoutMs)]
    private static partial Regex LeadingNumber();

    [GeneratedRegex("<script.*?</script>|<style.*?</style>|<!--.*?-->", RegexOptions.Singleline, TimeoutMs)]
    private static partial Regex Unread();

    [GeneratedRegex("<table>.*?</table>", RegexOptions.Singleline, TimeoutMs)]
    private static partial Regex Tables();

    [GeneratedRegex("<tr>.*?</tr>", RegexOptions.Singleline, TimeoutMs)]
    private static partial Regex Rows();

    [GeneratedRegex("<(?<tag>th|td)[^>]*>(?<text>.*?)</\\k<tag>>", RegexOptions.Singleline, TimeoutMs)]
    private static partial Regex Cells();

    [GeneratedRegex("<[^>]*>", RegexOptions.None, TimeoutMs)]
    private static partial Regex Tags();
}
