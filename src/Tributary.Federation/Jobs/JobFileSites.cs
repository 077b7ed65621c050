using System.Globalization;
using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads the sites of a job file: each with a name and data of its own, or many that are made of one file.</summary>
internal static class JobFileSites
{
    private const string Either = "at least one site, such as 'clinic: { data: clinic.jsonl }', or many of one file, as in '{ count: 20, data: all.jsonl }'";
    private const string Partitions = "iid, dirichlet(0.5), { dirichlet: 0.5, by: category } or { by: category }";

    /// <summary>The sites, sorted by name, and what they are made of; none where only the data can say how many these are.</summary>
    public static (JobFileSite[] Sites, VirtualSites? Virtual) Read(YamlMap map)
    {
        if (map.Map("sites") is not { } sites || sites.Keys.Count == 0)
        {
            map.Missing("sites", Either);
            return ([], null);
        }

        // A site of that name would have keys and values.
        bool areVirtual = new[] { "count", "data" }.Any(key => sites.Keys.Contains(key) && !sites.IsMap(key));
        if (!areVirtual)
        {
            return (ReadNamed(sites), null);
        }

        VirtualSites made = ReadVirtual(sites);
        return ([.. VirtualSites.Names(made.Count ?? 0).Select(name => new JobFileSite(name, made.Data, null))], made);
    }

    /// <summary>The sites of a job that is submitted, sorted by name: a list of names, or what a simulation is told, of which their data do not matter.</summary>
    public static JobFileSite[] ReadNames(YamlMap map)
    {
        string[]? names = map.IsMap("sites") ? map.Map("sites")!.Keys.ToArray() : map.Texts("sites");
        if (names is null or [])
        {
            map.Missing("sites", "the names of the sites that take part, such as [clinic, bank]");
            return [];
        }

        foreach (string name in names)
        {
            map.CheckName("sites", name);
        }

        if (names.Distinct(StringComparer.Ordinal).Count() != names.Length)
        {
            map.Wrong("sites", "a site is named twice");
        }

        return [.. names.Order(StringComparer.Ordinal).Select(name => new JobFileSite(name, string.Empty, null))];
    }

    private static JobFileSite[] ReadNamed(YamlMap sites)
    {
        var read = new List<JobFileSite>();
        foreach (string site in sites.Keys)
        {
            sites.CheckName(site, site);
            if (sites.Map(site) is { } options)
            {
                string data = options.Text("data") ?? options.Missing("data", $"the JSONL file with the records of site '{site}'");
                read.Add(new JobFileSite(site, data, (int?)options.Integer("records", 1, int.MaxValue), options.Text("held_out")));
                options.RefuseOtherKeys();
            }
        }

        return [.. read.OrderBy(site => site.Name, StringComparer.Ordinal)];
    }

    private static VirtualSites ReadVirtual(YamlMap sites)
    {
        const int CountMax = 10_000;
        string data = sites.Text("data") ?? sites.Missing("data", "the JSONL file whose records the sites share");
        int? count = (int?)sites.Integer("count", 1, CountMax);
        string? by = sites.Text("by");
        double? alpha = null;
        bool isIid = false;
        if (sites.IsMap("partition"))
        {
            YamlMap partition = sites.Map("partition")!;
            alpha = partition.Number("dirichlet", 0, 1e9, inclusive: false);
            by = partition.Text("by") ?? by;
            if (partition.Keys.Count == 0)
            {
                partition.Missing("by", "the field whose values make the sites, or 'dirichlet'");
            }

            partition.RefuseOtherKeys();
        }
        else if (sites.Text("partition") is { } word)
        {
            isIid = word == "iid";
            alpha = isIid ? null : ReadAlpha(word);
            if (!isIid && alpha is null)
            {
                sites.Wrong("partition", $"'partition' is '{word}', but should be one of {Partitions}");
                isIid = true;
            }
            else if (isIid && by is not null)
            {
                sites.Wrong("by", "an iid partition looks at no field; remove 'by', or 'partition: iid'");
            }
        }

        RecordPartition kind = alpha is not null ? RecordPartition.Dirichlet : by is not null && !isIid ? RecordPartition.Field : RecordPartition.Iid;
        if (count is null && kind != RecordPartition.Field)
        {
            sites.Missing("count", "how many sites share the records");
        }

        sites.RefuseOtherKeys();
        return new VirtualSites { Data = data, Count = count, Partition = kind, Alpha = alpha ?? 0, By = kind == RecordPartition.Iid ? null : by };
    }

    /// <summary>The concentration in <c>dirichlet(0.5)</c>; null where it is something else.</summary>
    private static double? ReadAlpha(string word)
    {
        const string Begin = "dirichlet(";
        return word.StartsWith(Begin, StringComparison.Ordinal) && word.EndsWith(')')
            && double.TryParse(word[Begin.Length..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out double alpha)
            && alpha > 0 && double.IsFinite(alpha)
            ? alpha
            : null;
    }
}
