namespace Tributary.Training.Tests;

/// <summary>Models and data that lie beside the repository and are not part of it.</summary>
internal static class SharedFolder
{
    /// <summary>A path in there; the test is skipped where there is no such thing, and fails under CI.</summary>
    public static string Find(string name)
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Tributary.slnx")))
        {
            root = root.Parent;
        }

        string path = Path.Combine(root?.Parent?.FullName ?? ".", "shared", name);
        if (!Path.Exists(path) && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip($"there is no {path}");
        }

        return path;
    }
}
