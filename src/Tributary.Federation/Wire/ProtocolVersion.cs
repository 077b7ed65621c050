namespace Tributary.Federation.Wire;

/// <summary>
/// The version that every request and every answer says. Parties of one major version work together, whatever the minor ones; others say so
/// and stop, since neither can know what the other means.
/// </summary>
public static class ProtocolVersion
{
    /// <summary>The header that says it.</summary>
    public const string Header = "Tributary-Version";

    /// <summary>The version spoken here.</summary>
    public static string Current { get; } = typeof(ProtocolVersion).Assembly.GetName().Version!.ToString(3);

    /// <summary>Says why parties cannot work together; null where they can.</summary>
    /// <param name="theirs">What the other party's header says; one that says nothing, as a browser, is let pass.</param>
    /// <param name="they">What the other party is, such as <c>the server</c>.</param>
    public static string? Refuse(string? theirs, string they)
    {
        if (theirs is null || (Version.TryParse(theirs, out Version? other) && other.Major == Version.Parse(Current).Major))
        {
            return null;
        }

        return $"{they} speaks version {theirs} of Tributary, and this is version {Current}: different major versions do not work together; install the same one at both";
    }
}
