using System.Text.RegularExpressions;

namespace Tributary.Configuration;

/// <summary>The names of jobs and sites. They become parts of addresses and of files' names, so they must not be able to be more.</summary>
public static partial class JobName
{
    /// <summary>Says what is wrong with a name; null where nothing is.</summary>
    public static string? Refuse(string name) => Pattern().IsMatch(name)
        ? null
        : $"the name '{name}' should be small letters, digits and hyphens, at most 63, beginning with a letter or digit";

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pattern();
}
