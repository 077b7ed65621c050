using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Sensitivity;
using YamlDotNet.RepresentationModel;

namespace Tributary.Simulation.Convergence;

/// <summary>What <c>bench convergence</c> runs: one job in many settings, each with several seeds, and what they have to come to.</summary>
public sealed record ConvergenceSpec
{
    /// <summary>The least that the reference has to improve the held-out loss by, in nats, for its comparisons to show anything.</summary>
    public const double ImprovementMin = 1;

    /// <summary>The largest regret that counts as none: what the upper end of the interval of a setting's mean is held to.</summary>
    public const double RegretMax = 0.05;

    private const string Example = "bench/paper/convergence.yaml";

    /// <summary>The experiment's name.</summary>
    public required string Name { get; init; }

    /// <summary>The seeds that every setting runs with: what is paired.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>The settings in the order of the file.</summary>
    public required IReadOnlyList<ConvergenceSetting> Settings { get; init; }

    /// <summary>The model's folder, relative to the job's file; null where the command line must say.</summary>
    public string? Model { get; init; }

    /// <summary>Reads a specification and the job file that it names.</summary>
    /// <param name="path">The specification.</param>
    /// <exception cref="UsageException">There is no such file.</exception>
    /// <exception cref="YamlFileException">Keys or values are wrong; the message lists all of them, each with its line.</exception>
    public static ConvergenceSpec Load(string path)
    {
        var errors = new List<YamlFileError>();
        string yaml = Read(path);
        YamlMap map = YamlMap.Load(yaml, path, Example, errors);
        string name = map.Text("name") ?? map.Missing("name", "a name for the experiment");
        string job = map.Text("job") ?? map.Missing("job", "the job file that all settings have in common");
        ulong[] seeds = ReadSeeds(map);
        YamlMap settings = map.Map("settings") ?? Empty(map);
        YamlMappingNode nodes = Parse(yaml);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string? shared = job.Length == 0 ? null : Read(Path.Combine(folder, job));
        _ = map.Map("all");
        YamlMappingNode common = Mapping(nodes, "all");
        var read = new List<ConvergenceSetting>();
        foreach (string key in settings.Keys)
        {
            if (shared is not null && settings.Map(key) is { } each)
            {
                read.Add(ReadSetting(key, each, [Parse(shared), common, Mapping(Mapping(nodes, "settings"), key)], job, folder));
            }
        }

        foreach (ConvergenceSetting setting in read.Where(setting => setting.Against is not null && read.All(other => other.Name != setting.Against)))
        {
            settings.Wrong(setting.Name, $"'{setting.Name}' is held against '{setting.Against}', which is no setting here");
        }

        map.RefuseOtherKeys();
        return errors.Count > 0 ? throw new YamlFileException(path, errors) : new ConvergenceSpec
        {
            Name = name,
            Seeds = seeds,
            Settings = read,
            Model = shared is null || read.Count == 0 ? null : read[0].File.Model,
        };
    }

    /// <summary>The same with those settings only whose names contain a text, and those that they are held against.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public ConvergenceSpec Only(string text)
    {
        ConvergenceSetting[] found = [.. Settings.Where(setting => setting.Name.Contains(text, StringComparison.OrdinalIgnoreCase))];
        HashSet<string?> wanted = [.. found.Select(setting => setting.Name), .. found.Select(setting => setting.Against)];
        return found.Length > 0
            ? this with { Settings = [.. Settings.Where(setting => wanted.Contains(setting.Name))] }
            : throw new UsageException($"no setting of '{Name}' has '{text}' in its name; there are {string.Join(", ", Settings.Select(setting => setting.Name))}");
    }

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : throw new UsageException($"{path}: there is no such file");

    private static ulong[] ReadSeeds(YamlMap map)
    {
        string[] texts = map.Texts("seeds") ?? [];
        ulong[] seeds = [.. texts.Select(text => ulong.TryParse(text, out ulong seed) ? seed : 0).Where(seed => seed > 0).Distinct()];
        if (seeds.Length < 2 || seeds.Length < texts.Length)
        {
            map.Wrong("seeds", "'seeds' should be two or more different whole numbers above 0, such as [1, 2, 3]: from one run no interval can be told");
        }

        return seeds;
    }

    private static YamlMap Empty(YamlMap map)
    {
        map.Missing("settings", "the settings to compare, each with the keys of a job file that it changes");
        return YamlMap.Load("{}", Example, Example, []);
    }

    /// <summary>A setting's own keys are taken out; all others are a job file's, and replace that of the file or, where both are mappings, what is in it.</summary>
    private static ConvergenceSetting ReadSetting(string name, YamlMap map, YamlMappingNode[] layers, string jobFile, string folder)
    {
        YamlMappingNode merged = layers.Aggregate(Merge);
        string[] own = ["central", "pooled", "against", "judged", "bytes_max", "regret_max", "note"];
        foreach (string key in own)
        {
            merged.Children.Remove(new YamlScalarNode(key));
        }

        merged.Children.Remove(new YamlScalarNode("name"));
        merged.Add("name", "convergence");
        using var text = new StringWriter();
        new YamlStream(new YamlDocument(merged)).Save(text, assignAnchors: false);
        bool isCentral = map.Choice("central", ["true", "false"]) == "true";
        return new ConvergenceSetting
        {
            Name = name,
            Note = map.Text("note"),
            File = SensitivityFile.Apply(JobFile.Parse(text.ToString(), $"{jobFile} with the keys of '{name}'"), folder),
            IsCentral = isCentral,
            IsPooled = isCentral || map.Choice("pooled", ["true", "false"]) == "true",
            Against = map.Text("against"),
            IsJudged = map.Choice("judged", ["true", "false"]) != "false",
            BytesMax = map.Number("bytes_max", 0, 100, inclusive: false) / 100,
            MeanRegretMax = map.Number("regret_max", 0, 100, inclusive: false) / 100,
        };
    }

    private static YamlMappingNode Parse(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    private static YamlMappingNode Mapping(YamlMappingNode node, string key) =>
        node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) && value is YamlMappingNode map ? map : [];

    private static YamlMappingNode Merge(YamlMappingNode beneath, YamlMappingNode above)
    {
        var merged = new YamlMappingNode(beneath.Children);
        foreach ((YamlNode key, YamlNode value) in above.Children)
        {
            merged.Children[key] = key.ToString() == "train" && value is YamlMappingNode changed && merged.Children.TryGetValue(key, out YamlNode? found) && found is YamlMappingNode old
                ? Merge(old, changed)
                : value;
        }

        return merged;
    }
}
