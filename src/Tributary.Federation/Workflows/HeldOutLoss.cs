using Tributary.Federation.Tasks;

namespace Tributary.Federation.Workflows;

/// <summary>The held-out loss of a model, as the sites that received it measured it.</summary>
public static class HeldOutLoss
{
    /// <summary>The mean loss in nats per response token, weighted by each site's held-out response tokens.</summary>
    /// <param name="round">The round, for the error.</param>
    /// <param name="results">The results of sites that were sent the same model.</param>
    /// <exception cref="JobFailedException">A figure is missing, or no site holds records out.</exception>
    public static double Of(int round, IReadOnlyList<SiteResult> results)
    {
        double tokens = results.Sum(result => Figure(round, result, MetricNames.HeldOutTokens));
        return tokens > 0
            ? results.Sum(result => Figure(round, result, MetricNames.ReceivedLoss) * Figure(round, result, MetricNames.HeldOutTokens)) / tokens
            : throw new JobFailedException($"round {round}: the sites' {MetricNames.HeldOutTokens} sum to {tokens}; at least one site should hold records out");
    }

    private static double Figure(int round, SiteResult result, string name) => result.Metrics.TryGetValue(name, out double figure)
        ? figure
        : throw new JobFailedException($"round {round}: the result of site '{result.Site}' lacks the figure '{name}'; its executor should measure the model it receives");
}
