using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Tidy;

/// <summary>Keeps the house as docs/ARCHITECTURE.md says it is.</summary>
public sealed partial class HouseTests
{
    private const int FileLinesMax = 600;

    /// <summary>What each room may reference; arrows point one way.</summary>
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Configuration"] = [],
        ["Provisioning"] = ["Configuration"],
        ["Tensors"] = [],
        ["Codecs"] = ["Tensors"],
        ["Federation"] = ["Configuration", "Tensors", "Codecs"],
        ["Privacy"] = ["Configuration", "Tensors", "Codecs", "Federation"],
        ["Transport"] = [],
        ["Training"] = ["Tensors"],
        ["Client"] = ["Configuration", "Provisioning", "Tensors", "Codecs", "Federation", "Transport"],
        ["Server"] = ["Configuration", "Provisioning", "Tensors", "Codecs", "Federation", "Privacy", "Transport"],
        ["Site"] = ["Client", "Configuration", "Provisioning", "Tensors", "Codecs", "Federation", "Privacy", "Transport", "Training"],
        ["Simulation"] = ["Tensors", "Codecs", "Federation", "Privacy", "Transport", "Training", "Server", "Site"],
        ["Cli"] = ["Client", "Configuration", "Provisioning", "Tensors", "Codecs", "Federation", "Privacy", "Transport", "Training", "Server", "Site", "Simulation"],
    };

    private static readonly string[] Tracked = GitFiles();

    [Fact]
    public void A_room_references_only_the_rooms_below_it()
    {
        string[] projects = [.. Tracked.Where(path => path.StartsWith("src/", StringComparison.Ordinal) && path.EndsWith(".csproj", StringComparison.Ordinal))];
        projects.Select(Room).Order().ShouldBe(Arrows.Keys.Order());
        foreach (string project in projects)
        {
            IEnumerable<string> references = XDocument.Load(Full(project)).Descendants("ProjectReference").Select(reference => Room((string)reference.Attribute("Include")!));
            references.Except(Arrows[Room(project)]).ShouldBeEmpty($"{project} points up");
        }
    }

    [Fact]
    public void A_file_is_read_in_one_sitting()
    {
        foreach (string path in Tracked.Where(path => IsSource(path)))
        {
            File.ReadLines(Full(path)).Count().ShouldBeLessThanOrEqualTo(FileLinesMax, $"{path}: split it by concept");
        }
    }

    [Fact]
    public void No_type_is_named_after_nothing()
    {
        foreach (string path in Tracked.Where(path => path.EndsWith(".cs", StringComparison.Ordinal)))
        {
            foreach (Match match in BannedNames().Matches(File.ReadAllText(Full(path))))
            {
                Assert.Fail($"{path}: '{match.Groups["it"].Value}' says nothing; name what it does");
            }
        }
    }

    [Fact]
    public void No_link_in_the_docs_is_dead()
    {
        foreach (string path in Tracked.Where(path => path.EndsWith(".md", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(Full(path));
            foreach (string target in Links().Matches(text).Select(match => match.Groups["it"].Value))
            {
                if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal))
                {
                    continue;
                }

                string[] parts = target.Split('#', 2);
                string linked = parts[0].Length == 0 ? Full(path) : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Full(path))!, parts[0]));
                Path.Exists(linked).ShouldBeTrue($"{path} links to {target}, which is not there");
                if (parts.Length == 2 && linked.EndsWith(".md", StringComparison.Ordinal))
                {
                    Headings().Matches(File.ReadAllText(linked)).Select(match => Anchor(match.Groups["it"].Value)).ShouldContain(parts[1], $"{path} links to {target}");
                }
            }
        }
    }

    [Fact]
    public void Nothing_is_left_open_in_the_source()
    {
        string[] open = ["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Exception"];
        foreach (string path in Tracked.Where(path => IsSource(path)))
        {
            string text = File.ReadAllText(Full(path));
            open.Where(word => text.Contains(word, StringComparison.Ordinal)).ShouldBeEmpty(path);
        }
    }

    [Fact]
    public void Everything_committed_is_a_source_a_sample_or_a_document()
    {
        // Generated output and other people's files do not belong here; large files are models, and only the quickstart's small one is ours.
        foreach (string path in Tracked)
        {
            new FileInfo(Full(path)).Length.ShouldBeLessThan(4L << 20, path);
            path.Split('/').ShouldNotContain(part => part == "bin" || part == "obj" || part == "TestResults", path);
        }
    }

    private static bool IsSource(string path) =>
        Path.GetExtension(path) is ".cs" or ".py" or ".sh" or ".js" or ".css" or ".html" && !path.StartsWith("docs/", StringComparison.Ordinal);

    private static string Room(string project) => Path.GetFileNameWithoutExtension(project).Replace("Tributary.", string.Empty, StringComparison.Ordinal);

    private static string Full(string path) => Path.Combine(Repository.Root, path);

    private static string Anchor(string heading) => AnchorDrops().Replace(heading.Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-');

    private static string[] GitFiles()
    {
        using Process git = Process.Start(new ProcessStartInfo("git", "ls-files -z") { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = git.StandardOutput.ReadToEnd();
        git.WaitForExit();
        return [.. output.Split('\0', StringSplitOptions.RemoveEmptyEntries).Where(path => File.Exists(Full(path)))];
    }

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum)\s+(?<it>\w+(?:Manager|Helpers?|Utils?|Common))\b", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex BannedNames();

    [GeneratedRegex(@"\]\((?<it>[^)\s]+)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Links();

    [GeneratedRegex(@"^#+\s+(?<it>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Headings();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AnchorDrops();
}
