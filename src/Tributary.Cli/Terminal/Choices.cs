using Tributary.Codecs;
using Tributary.Simulation;

namespace Tributary.Cli.Terminal;

/// <summary>Options whose values are words out of a few.</summary>
internal static class Choices
{
    /// <summary>The names of an enumeration's members as options write them.</summary>
    public static string[] NamesOf<T>()
        where T : struct, Enum => [.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())];

    public static T Parse<T>(string text, string option, params ReadOnlySpan<string> besides)
        where T : struct, Enum
    {
        string[] names = NamesOf<T>();
        return names.Contains(text)
            ? Enum.Parse<T>(text, ignoreCase: true)
            : throw new UsageException($"{option} is '{text}', but should be one of {string.Join(", ", [.. names, .. besides])}");
    }

    public static string Precision(string name) => Codecs.Precision.TryParse(name, out _)
        ? name
        : throw new UsageException($"--precision is '{name}', but should be one of {string.Join(", ", Codecs.Precision.All.Select(codec => codec.Name))}");
}
