using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads trainers as files offer them by name: a job file for a simulation in its sites' name, and a site's configuration.</summary>
public static class TrainerOffers
{
    /// <summary>Reads what stands below 'trainers', sorted by name; none where that is not there. What is wrong goes to the map's errors.</summary>
    public static TrainerOffer[] Read(YamlMap? map)
    {
        if (map is null)
        {
            return [];
        }

        var offers = new List<TrainerOffer>();
        foreach (string name in map.Keys)
        {
            if (name == TrainerOffer.Builtin)
            {
                map.Wrong(name, $"'{TrainerOffer.Builtin}' is the name of the trainer inside; give this one another");
            }

            if (Open(map, name) is { } offer)
            {
                offers.Add(ReadOne(name, offer));
                offer.RefuseOtherKeys();
            }
        }

        return [.. offers.OrderBy(offer => offer.Name, StringComparer.Ordinal)];
    }

    /// <summary>What stands below a trainer's name; null where that is no name, or has nothing below it.</summary>
    public static YamlMap? Open(YamlMap map, string name)
    {
        map.CheckName(name, name);
        return map.Map(name);
    }

    /// <summary>Reads one trainer.</summary>
    public static TrainerOffer ReadOne(string name, YamlMap map)
    {
        var defaults = new TrainerOffer { Name = name, Command = [] };
        string[] command = map.Texts("command") ?? [map.Missing("command", "the program and its arguments, such as [python3, train.py]")];
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        if (map.Map("environment") is { } variables)
        {
            foreach (string variable in variables.Keys)
            {
                environment[variable] = variables.Text(variable) ?? string.Empty;
            }
        }

        return defaults with
        {
            Command = command,
            Options = map.Texts("options") ?? defaults.Options,
            Timeout = map.Duration("timeout") ?? defaults.Timeout,
            Lifetime = map.Choice<TrainerLifetime>("lifetime") ?? defaults.Lifetime,
            Environment = environment,
        };
    }
}
