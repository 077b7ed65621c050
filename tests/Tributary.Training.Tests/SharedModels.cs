namespace Tributary.Training.Tests;

/// <summary>Models that lie beside the repository and are not part of it.</summary>
internal static class SharedModels
{
    /// <summary>The folder of a model; the test is skipped where there is none, and fails under CI.</summary>
    public static string Find(string name)
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Tributary.slnx")))
        {
            root = root.Parent;
        }

        string folder = Path.Combine(root?.Parent?.FullName ?? ".", "shared", "models", name);
        if (!Directory.Exists(folder) && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip($"there is no {folder}");
        }

        return folder;
    }
}
