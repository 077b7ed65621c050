using System.Text;

namespace Tributary.Simulation.Reports;

/// <summary>
/// Writes the report of a run: one HTML file that carries its style, its charts and its data, opens from disk and asks the network
/// for nothing.
/// </summary>
public static class ReportWriter
{
    /// <summary>
    /// Writes the report, replacing one that is there. It is written beside its place and renamed when it is durable, so that
    /// <paramref name="path"/> never holds half of it.
    /// </summary>
    /// <param name="summary">What came of the run.</param>
    /// <param name="path">The file, such as <c>out/report.html</c>; its folder is made where it is missing.</param>
    /// <exception cref="InvalidDataException">A number of the summary is not finite; nothing is written.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(RunSummary summary, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] page = Encoding.UTF8.GetBytes(ReportPage.Render(summary));
        string target = Path.GetFullPath(path);
        string partial = target + ".partial";
        Directory.CreateDirectory(Path.GetDirectoryName(target) ?? throw new IOException($"{target} is a folder, not a file."));
        try
        {
            using (var file = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(page);
                file.Flush(flushToDisk: true);
            }

            File.Move(partial, target, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }
}
