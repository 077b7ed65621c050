using System.Text.Json.Serialization;

namespace Tributary.Federation.Rounds;

/// <summary>Where a site stands in a step, and once the step is closed, how its part in it ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SiteState>))]
public enum SiteState
{
    /// <summary>It has not asked for the task yet.</summary>
    Waiting,

    /// <summary>It has the task.</summary>
    Working,

    /// <summary>Its result is durable and counts.</summary>
    Counted,

    /// <summary>It said that it cannot do the task.</summary>
    Failed,

    /// <summary>What it sent is not used.</summary>
    Refused,

    /// <summary>It has not been heard of for longer than the job allows.</summary>
    Dead,

    /// <summary>It was dead in the step before and has not come back yet: no step waits for it, but it may join.</summary>
    Away,

    /// <summary>The step was closed before its result was there.</summary>
    Late,

    /// <summary>The step was not for it.</summary>
    NotDrawn,
}

/// <summary>A site's part in a step that is closed.</summary>
/// <param name="Site">The site.</param>
/// <param name="State">How it ended.</param>
/// <param name="Reason">Why; null where its result counts.</param>
public sealed record SitePart(string Site, SiteState State, string? Reason);
