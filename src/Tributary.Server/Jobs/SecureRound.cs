using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Server.Storage;
using Tributary.Tensors;

namespace Tributary.Server.Jobs;

/// <summary>
/// A round under secure aggregation: the stages of the protocol as steps of the round, around its training. What each stage gives follows from the journalled answers of those before it, so after a
/// restart the round goes on where it was.
/// </summary>
/// <param name="job">The job.</param>
/// <param name="name">What keys and signatures are bound to of it.</param>
/// <param name="attempt">Which attempt at the round's sum it is, from 0.</param>
/// <param name="train">The round's training, for the sites of the round.</param>
/// <param name="grid">The ring of its results.</param>
/// <param name="verify">Checks sites' signatures.</param>
/// <param name="report">Told which sites drop out, and why.</param>
internal sealed class SecureRound(Job job, string name, int attempt, TaskRequest train, RingGrid grid, VerifyStatement verify, Action<JobEvent> report)
{
    private readonly IReadOnlyList<string> _roster = SiteDraw.Of(job, train.Round);

    /// <summary>Goes through the round.</summary>
    /// <param name="ask">Closes a step and gives what counts of it, maybe from the record.</param>
    /// <param name="sentContent">The digest of all tensors of the model that the first step has sent.</param>
    /// <returns>The results of the training, each without an update, and the sum of the survivors' integers.</returns>
    /// <exception cref="JobFailedException">Too few sites are left at a stage: there is no sum.</exception>
    public async Task<(IReadOnlyList<SiteResult> Results, TensorSource Sum)> RunAsync(Func<TaskRequest, Task<IReadOnlyList<SiteResult>>> ask, Func<string> sentContent)
    {
        try
        {
            string range = JsonSerializer.Serialize(new RoundNote(grid.Range), AggregationJson.Default.RoundNote);
            IReadOnlyList<SiteResult> keys = await ask(Stage(AggregationTasks.Keys, 0, _roster, _ => range));
            var round = new AggregationRound(name, train.Round, sentContent(), _roster, grid, job.SecureAggregation!.MinCohort);
            var server = new MaskingServer(round, verify);
            TakeAll(keys, AggregationJson.Default.KeyAdvertisement, said => said.Site, server.Take);
            IReadOnlyList<KeyAdvertisement> advertised = server.CloseKeys();

            string all = JsonSerializer.Serialize(advertised, AggregationJson.Default.IReadOnlyListKeyAdvertisement);
            TakeAll(
                await ask(Stage(AggregationTasks.Shares, 1, [.. advertised.Select(said => said.Site)], _ => all)), AggregationJson.Default.SharedSecrets, said => said.Site, server.Take);
            IReadOnlyDictionary<string, ReceivedShares> shares = server.CloseShares();

            TaskRequest masked = Stage(TaskNames.Train, 2, [.. shares.Keys], site => JsonSerializer.Serialize(shares[site], AggregationJson.Default.ReceivedShares));
            IReadOnlyList<SiteResult> results = await ask(masked);
            foreach (SiteResult result in results)
            {
                server.Take(result.Site, result.Update!);
            }

            IReadOnlyList<string> survivors = server.CloseInputs();
            string names = JsonSerializer.Serialize(survivors, AggregationJson.Default.IReadOnlyListString);
            IReadOnlyList<SiteResult> signed = await ask(Stage(AggregationTasks.Survivors, 3, survivors, _ => names, round.Threshold));
            TakeAll(signed, AggregationJson.Default.SurvivorSignature, said => said.Site, server.Take);
            string request = JsonSerializer.Serialize(server.CloseSignatures(), AggregationJson.Default.UnmaskingRequest);
            IReadOnlyList<SiteResult> answers = await ask(Stage(AggregationTasks.Unmasking, 4, [.. signed.Select(result => result.Site)], _ => request, round.Threshold));
            TakeAll(answers, AggregationJson.Default.UnmaskingAnswer, said => said.Site, server.Take);
            return ([.. results.Select(result => result with { Update = null })], server.Unmask());
        }
        catch (Exception e) when (e is SecureAggregationException or ArgumentException)
        {
            throw new JobFailedException($"round {train.Round}: secure aggregation: {e.Message}", e);
        }
    }

    /// <summary>A step for those who have come so far; as many are needed as the protocol or the job says, whichever is more.</summary>
    private TaskRequest Stage(string task, int step, IReadOnlyList<string> sites, Func<string, string> note, int? least = null)
    {
        int threshold = AggregationRound.ThresholdOf(_roster.Count, job.SecureAggregation!.MinCohort);
        return train with
        {
            Task = task,
            Step = (AggregationTasks.StepsOfAttempt * attempt) + step,
            Sites = sites,
            MinSites = Math.Min(sites.Count, least ?? Math.Max(threshold, job.MinSites ?? _roster.Count)),
            Notes = sites.ToDictionary(site => site, note, StringComparer.Ordinal),
        };
    }

    /// <summary>Takes a stage's answers. A site whose answer is refused has dropped out; whether enough are left, closing the stage says.</summary>
    private void TakeAll<T>(IReadOnlyList<SiteResult> results, JsonTypeInfo<T> type, Func<T, string> sender, Action<T> take)
    {
        foreach (SiteResult result in results)
        {
            try
            {
                T said = JsonSerializer.Deserialize(result.Answer ?? "null", type) ?? throw new JsonException("the site said nothing");
                if (sender(said) != result.Site)
                {
                    throw new JsonException($"it speaks for '{sender(said)}'");
                }

                take(said);
            }
            catch (Exception e) when (e is SecureAggregationException or JsonException)
            {
                report(new SiteLeftOut(train.Round, new SitePart(result.Site, SiteState.Refused, $"secure aggregation: {e.Message}")));
            }
        }
    }
}
