namespace Tributary.Federation.Jobs;

/// <summary>
/// A trainer that a site offers under a name: a program of the site's own. It is the site's configuration and never part of a
/// <see cref="Job"/>, so that nobody who writes a job can choose a command; a job names the trainer and sets the options that the offer allows.
/// </summary>
public sealed record TrainerOffer
{
    /// <summary>The name of the trainer inside, which every site has unless its configuration switches it off.</summary>
    public const string Builtin = "builtin";

    /// <summary>The name that jobs choose it by: small letters, digits and hyphens.</summary>
    public required string Name { get; init; }

    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The options that a job may set.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>How long the program may say nothing while it starts or works, above 0.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a process of it lives.</summary>
    public TrainerLifetime Lifetime { get; init; } = TrainerLifetime.Job;

    /// <summary>Variables that are set in its environment beside the site's own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Why a site with these offers cannot train as a job asks; null where it can.</summary>
    /// <param name="train">What the job asks for.</param>
    /// <param name="offers">What the site offers.</param>
    /// <param name="hasBuiltin">Whether it offers the trainer inside, too.</param>
    public static string? Refuse(JobTraining train, IReadOnlyCollection<TrainerOffer> offers, bool hasBuiltin = true)
    {
        TrainerOffer? offer = offers.FirstOrDefault(offer => offer.Name == train.Trainer);
        if (offer is null && (train.Trainer != Builtin || !hasBuiltin))
        {
            string names = string.Join(", ", offers.Select(other => other.Name).Concat(hasBuiltin ? [Builtin] : []).Order(StringComparer.Ordinal));
            return $"there is no trainer '{train.Trainer}'; offered are {names}";
        }

        string[] unknown = [.. train.Options.Keys.Except(offer?.Options ?? [], StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (unknown.Length == 0)
        {
            return null;
        }

        string allowed = offer is { Options.Count: > 0 } ? $"it allows {string.Join(", ", offer.Options)}" : "it allows none";
        return $"the trainer '{train.Trainer}' does not let a job set '{string.Join("', '", unknown)}'; {allowed}";
    }
}

/// <summary>How long a trainer's process lives.</summary>
public enum TrainerLifetime
{
    /// <summary>From its first task until the site has no more of them, so that it keeps what it has loaded.</summary>
    Job,

    /// <summary>For one task.</summary>
    Task,
}
