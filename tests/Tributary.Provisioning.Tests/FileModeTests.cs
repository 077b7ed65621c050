using System.IO.Compression;
using System.Runtime.Versioning;
using Tributary.TestKit;

namespace Tributary.Provisioning.Tests;

[UnsupportedOSPlatform("windows")]
public sealed class FileModeTests
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersMayRead = UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    [Fact]
    public void Nobody_else_on_the_machine_can_read_a_key_and_could_at_no_moment()
    {
        var seen = new Dictionary<string, UnixFileMode>(StringComparer.Ordinal);
        string[] secret = ["key.pem", ".zip"];
        using (var project = new TestProject())
        {
            using var watcher = new FileSystemWatcher(project.Kits) { IncludeSubdirectories = true, NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite };
            watcher.Created += (_, happened) => Note(happened.FullPath);
            watcher.Changed += (_, happened) => Note(happened.FullPath);
            watcher.EnableRaisingEvents = true;
            project.Provision(TestProject.Yaml.Replace("[a, b]", "[a, b, c, d, e, f]", StringComparison.Ordinal));
            foreach (string path in Directory.GetFiles(project.Kits, "*", SearchOption.AllDirectories).Where(path => secret.Any(path.EndsWith)))
            {
                File.GetUnixFileMode(path).ShouldBe(OwnerOnly, path);
            }

            foreach (string path in Directory.GetDirectories(project.Kits, "*", SearchOption.AllDirectories))
            {
                (File.GetUnixFileMode(path) & OthersMayRead).ShouldBe(UnixFileMode.None, path);
            }
        }

        lock (seen)
        {
            seen.ShouldAllBe(file => (file.Value & OthersMayRead) == UnixFileMode.None);
        }

        void Note(string path)
        {
            if (secret.Any(name => path.Contains(name, StringComparison.Ordinal)))
            {
                try
                {
                    lock (seen)
                    {
                        seen[path + seen.Count] = File.GetUnixFileMode(path);
                    }
                }
                catch (IOException)
                {
                    // It has its final name by now.
                }
            }
        }
    }

    [Fact]
    public void A_zip_brings_the_modes_with_it()
    {
        using var project = new TestProject();
        ZipFile.ExtractToDirectory(project.Folder("site/a") + ".zip", project["handed-over"]);
        string Mode(string name) => File.GetUnixFileMode(Path.Combine(project["handed-over"], "a", name)).ToString();
        Mode(KitFiles.Key).ShouldBe(OwnerOnly.ToString());
        Mode("site.yaml").ShouldBe(OwnerOnly.ToString());
        Mode(KitFiles.Start).ShouldContain("UserExecute");
    }
}
