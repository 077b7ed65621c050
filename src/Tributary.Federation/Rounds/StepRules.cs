namespace Tributary.Federation.Rounds;

/// <summary>When a step is closed.</summary>
/// <param name="SiteTimeout">How long a site may say nothing before it is dead.</param>
/// <param name="Retries">How often a site may try again after failing for a reason that may pass.</param>
/// <param name="MinSites">How many sites' results have to count.</param>
/// <param name="Deadline">
/// After how long the step is closed with the results there are, where they are enough; null for when every site has ended its part.
/// </param>
public sealed record StepRules(TimeSpan SiteTimeout, int Retries, int MinSites, TimeSpan? Deadline = null)
{
    /// <summary>
    /// A site that is sending its result when the deadline is over keeps the step open for as long as its bytes move, with pauses no longer
    /// than this: the work is done by then, and to wait costs less than to throw it away.
    /// </summary>
    public static readonly TimeSpan UploadPauseMax = TimeSpan.FromSeconds(10);
}
