using Tributary.Configuration;

namespace Tributary.Federation.Jobs;

/// <summary>Reads the trainers that a job file for a simulation offers in its sites' name.</summary>
internal static class JobFileTrainers
{
    public static TrainerOffer[] Read(YamlMap? map)
    {
        if (map is null)
        {
            return [];
        }

        var offers = new List<TrainerOffer>();
        foreach (string name in map.Keys)
        {
            map.CheckName(name, name);
            if (name == TrainerOffer.Builtin)
            {
                map.Wrong(name, $"'{TrainerOffer.Builtin}' is the name of the trainer inside; give this one another");
            }

            if (map.Map(name) is { } offer)
            {
                offers.Add(ReadOffer(name, offer));
                offer.RefuseOtherKeys();
            }
        }

        return [.. offers.OrderBy(offer => offer.Name, StringComparer.Ordinal)];
    }

    private static TrainerOffer ReadOffer(string name, YamlMap map)
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
