using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;

namespace Tributary.EndToEnd.Deployment;

/// <summary>Processes that are killed (SIGKILL) and started again. Where this fails, an outage costs somebody a job, or changes what comes of it.</summary>
public sealed class DurabilityTests
{
    private const int Rounds = 8;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_whose_parties_are_killed_in_every_phase_ends_with_the_model_of_one_that_was_left_in_peace()
    {
        await using RunningFederation federation = await RunningFederation.StartAsync();
        await federation.SubmitAsync("calm", Rounds);
        (await federation.UntilAsync("calm", static _ => false)).Line.State.ShouldBe(JobState.Finished);
        byte[] expected = await federation.ModelAsync("calm");

        await federation.SubmitAsync("rough", Rounds);

        // Round 1: while sites fetch the first message, and while one trains.
        await KillAtAsync(federation, "server", now => now.Doing == TaskNames.Train);
        await KillAtAsync(federation, "bank", now => Phase(now, "bank") == TaskPhase.Training);
        await KillAtAsync(federation, "server", now => Phase(now, "clinic") == TaskPhase.Training);

        // From round 2 on: one result is there and the other is awaited; then at the merge. In which round such a moment is caught the machine decides.
        await KillAtAsync(federation, "server", now => now.Line.Round >= 2 && now.Sites.Count(site => site.Phase == TaskPhase.Done) == 1);
        await KillAtAsync(federation, "server", now => now.Line.Round >= 2 && (now.Doing == "merging the updates" || now.Sites.All(site => site.Phase == TaskPhase.Done)));

        // A site that encodes, sends or has just sent, and the other while it measures or trains.
        await KillAtAsync(federation, "clinic", now => Phase(now, "clinic") is TaskPhase.Uploading or TaskPhase.Done);
        await KillAtAsync(federation, "bank", now => Phase(now, "bank") is TaskPhase.Evaluating or TaskPhase.Training);

        // As soon as the next round's message is being made or offered.
        int round = (await federation.UntilAsync("rough", static now => now.Line.Round >= 1)).Line.Round;
        await KillAtAsync(federation, "server", now => now.Line.Round > round);
        await KillAtAsync(federation, "clinic", now => Phase(now, "clinic") != TaskPhase.Waiting);
        await RequireSameAsync(federation, "rough", expected);
    }

    [Fact]
    public async Task A_job_whose_parties_are_killed_at_random_moments_ends_with_the_model_of_one_that_was_left_in_peace()
    {
        await using RunningFederation federation = await RunningFederation.StartAsync();
        await federation.SubmitAsync("calm", Rounds);
        (await federation.UntilAsync("calm", static _ => false)).Line.State.ShouldBe(JobState.Finished);
        byte[] expected = await federation.ModelAsync("calm");

        await federation.SubmitAsync("rough", Rounds);
        var random = new Random(20261123);
        string[] parties = ["server", "bank", "clinic"];
        for (int kill = 0; kill < 8; kill++)
        {
            // So many answers later: a moment that nobody has chosen.
            int answers = random.Next(1, 100);
            await KillAtAsync(federation, parties[random.Next(parties.Length)], _ => --answers <= 0);
        }

        await RequireSameAsync(federation, "rough", expected);
    }

    private static async Task KillAtAsync(RunningFederation federation, string party, Func<JobDocument, bool> moment)
    {
        (await federation.UntilAsync("rough", moment)).Line.State.ShouldBeOneOf([JobState.Queued, JobState.Running], "the job ended before the moment came");
        await federation.KillAsync(party);
    }

    private static TaskPhase Phase(JobDocument job, string name) => job.Sites.Single(site => site.Site == name).Phase;

    private static async Task RequireSameAsync(RunningFederation federation, string job, byte[] expected)
    {
        JobDocument ended = await federation.UntilAsync(job, static _ => false);
        ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
        ended.Models.Select(model => model.Round).ShouldBe(Enumerable.Range(0, Rounds + 1));
        (await federation.ModelAsync(job)).AsSpan().SequenceEqual(expected).ShouldBeTrue("the model is another one");

        // Each result was counted once: a site's second result of a round would be a second event.
        IReadOnlyList<EventDocument> events = await federation.Admin.EventsAsync(job, 0, TimeSpan.Zero, Cancel);
        events.Where(happened => happened.Kind == "result").GroupBy(happened => (happened.Round, happened.Site)).ShouldAllBe(results => results.Count() == 1);
    }
}
