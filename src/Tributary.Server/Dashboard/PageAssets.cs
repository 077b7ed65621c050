using System.Text;

namespace Tributary.Server.Dashboard;

/// <summary>What the dashboard's page is made of. Reports of runs take the theme, the drawing code and the chart library from here, too.</summary>
public static class PageAssets
{
    /// <summary>A file of the page, as text.</summary>
    /// <param name="name">Its name, such as <c>theme.css</c>.</param>
    /// <exception cref="InvalidOperationException">There is no such file in this build.</exception>
    public static string Read(string name)
    {
        using Stream stream = typeof(PageAssets).Assembly.GetManifestResourceStream("page/" + name)
            ?? throw new InvalidOperationException($"This build of Tributary.Server lacks its resource '{name}'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>The script of Apache ECharts, which defines <c>echarts</c>.</summary>
    /// <exception cref="InvalidOperationException">The package that it comes from is laid out otherwise.</exception>
    public static string ECharts()
    {
        // The package's script is ECharts, then, joined by a comma, a statistics extension and glue for Blazor: ours to leave out.
        string bundle = Read("echarts.js");
        int end = bundle.IndexOf(",function(t,e){\"object\"==typeof exports&&\"object\"==typeof module", StringComparison.Ordinal);
        return end > 0
            ? bundle[..end]
            : throw new InvalidOperationException("The script of Vizor.ECharts is not laid out as that of the version built against.");
    }
}
