namespace Tributary.TestKit;

/// <summary>Where the project lies, and the folder of public models and data that may lie beside it.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    public static bool IsCi => Environment.GetEnvironmentVariable("CI") == "true";

    /// <summary>A path in the folder beside the project, or null where there is none (never under CI).</summary>
    public static string? Shared(string path)
    {
        string full = Path.GetFullPath(Path.Combine(Root, "..", "shared", path));
        return Path.Exists(full) ? full : IsCi ? throw new FileNotFoundException($"CI needs {full}") : null;
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Tributary.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("The tests must lie inside the repository.");
    }
}
