using System.Text.Json.Serialization;

namespace Tributary.Provisioning;

/// <summary>How a check came out.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FindingKind>))]
public enum FindingKind
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>It works, but somebody should look at it.</summary>
    Warning,

    /// <summary>It will not work.</summary>
    Fault,
}

/// <summary>Something that was checked.</summary>
/// <param name="Kind">How it came out.</param>
/// <param name="What">What was checked, in a word or two.</param>
/// <param name="Says">What was found.</param>
/// <param name="Remedy">What to do; null where nothing has to be done.</param>
public sealed record Finding(FindingKind Kind, string What, string Says, string? Remedy = null)
{
    /// <summary>As it should be.</summary>
    public static Finding Good(string what, string says) => new(FindingKind.Good, what, says);

    /// <summary>It will not work.</summary>
    public static Finding Fault(string what, string says, string remedy) => new(FindingKind.Fault, what, says, remedy);

    /// <summary>It works, but somebody should look at it.</summary>
    public static Finding Warning(string what, string says, string remedy) => new(FindingKind.Warning, what, says, remedy);
}
