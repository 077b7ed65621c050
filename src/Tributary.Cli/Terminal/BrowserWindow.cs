using System.ComponentModel;
using System.Diagnostics;
using System.Net;

namespace Tributary.Cli.Terminal;

/// <summary>
/// Opens a page in the user's browser. The address is a secret, and what a program is started with is seen by everybody on the machine: so the
/// browser is given a file, in a folder of the user's own, that leads there.
/// </summary>
internal sealed class BrowserWindow : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tributary-dashboard-");

    /// <summary>Opens it; false where there is no browser to be had.</summary>
    public bool Open(Uri address)
    {
        string path = Path.Combine(_folder.FullName, "dashboard.html");
        File.WriteAllText(path, $"<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"0; url={WebUtility.HtmlEncode(address.AbsoluteUri)}\">\n<title>Tributary</title>\n");
        ProcessStartInfo start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo(path) { UseShellExecute = true }
            : new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : "xdg-open", [path]);
        try
        {
            using Process? started = Process.Start(start);
            return true;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Removes the file.</summary>
    public void Dispose() => _folder.Delete(recursive: true);
}
