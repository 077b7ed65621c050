namespace Tributary;

/// <summary>What spans and figures say of themselves, at the server and at sites.</summary>
internal static class TelemetryNames
{
    public const string Job = "tributary.job";
    public const string Round = "tributary.round";
    public const string Step = "tributary.step";
    public const string Task = "tributary.task";
    public const string Site = "tributary.site";
    public const string Attempt = "tributary.attempt";
}
