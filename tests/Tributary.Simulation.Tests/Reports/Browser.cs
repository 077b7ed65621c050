using System.Diagnostics;

namespace Tributary.Simulation.Tests.Reports;

/// <summary>Opens a page from disk in a real, headless Chromium and gives what became of it.</summary>
internal static class Browser
{
    private const string Program = "/usr/bin/chromium";

    /// <param name="Dom">The document after its scripts have run.</param>
    /// <param name="Console">What the page wrote to the console, a line each; errors are among it.</param>
    internal sealed record Page(string Dom, IReadOnlyList<string> Console)
    {
        public string Title
        {
            get
            {
                int at = Dom.IndexOf("<title>", StringComparison.Ordinal) + "<title>".Length;
                return Dom[at..Dom.IndexOf("</title>", at, StringComparison.Ordinal)];
            }
        }
    }

    /// <summary>Skips the test where Chromium is not installed, unless this is CI.</summary>
    public static async Task<Page> OpenAsync(string path)
    {
        Assert.SkipWhen(!File.Exists(Program) && Environment.GetEnvironmentVariable("CI") != "true", $"{Program} is not installed");
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        DirectoryInfo profile = Directory.CreateTempSubdirectory("tributary-browser-");
        try
        {
            var start = new ProcessStartInfo(Program)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            foreach (string flag in (string[])[
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr",
                $"--user-data-dir={profile.FullName}", "--window-size=1280,1000", "--dump-dom", new Uri(path).AbsoluteUri])
            {
                start.ArgumentList.Add(flag);
            }

            using Process process = Process.Start(start).ShouldNotBeNull();
            await using CancellationTokenRegistration kill = cancellation.Register(() => process.Kill(entireProcessTree: true));
            Task<string> dom = process.StandardOutput.ReadToEndAsync(cancellation);
            Task<string> log = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            string messages = await log;
            process.ExitCode.ShouldBe(0, messages);
            return new Page(await dom, [.. messages.Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal))]);
        }
        finally
        {
            profile.Delete(recursive: true);
        }
    }
}
