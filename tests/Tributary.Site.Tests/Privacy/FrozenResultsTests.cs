using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Site.Privacy;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Privacy;

/// <summary>Noise is used once, whatever a server asks for and in whatever order: two messages under the same noise tell what is in them by their difference.</summary>
public sealed class FrozenResultsTests : IDisposable
{
    private static readonly Job Noisy = new()
    {
        Name = "noisy",
        Sites = ["a", "b"],
        Rounds = 5,
        Aggregation = new JobAggregation(Weights: UpdateWeights.Uniform, NormLimit: 0),
        Privacy = new JobPrivacy { Unit = PrivacyUnit.Site, Clip = 1, NoiseMultiplier = 1 },
    };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_round_is_answered_once_whatever_step_the_server_says_it_is()
    {
        FrozenResults frozen = Frozen(Noisy, 2, "sha256:m1");
        foreach (int step in new[] { 0, 1, 7 })
        {
            frozen.Find(Task(Noisy, 2, step), "sha256:m1", null)!.Samples.ShouldBe(42);
            Should.Throw<TaskFailedException>(() => frozen.Find(Task(Noisy, 2, step), "sha256:m2", null)).Message.ShouldContain("noise is used once");
        }
    }

    [Fact]
    public void A_round_that_is_over_is_not_made_again_so_that_what_is_frozen_stays()
    {
        FrozenResults frozen = Frozen(Noisy, 2, "sha256:m1");
        Should.Throw<TaskFailedException>(() => frozen.Find(Task(Noisy, 1, 0), "sha256:m0", null)).Message.ShouldContain("has answered round 2");
        frozen.Find(Task(Noisy, 3, 0), "sha256:m3", null).ShouldBeNull();
        using var privacy = new SitePrivacy(_folder["privacy"], "a", null, TimeProvider.System);
        string second = privacy.Spend(Noisy, 2, 10).Fingerprint;
        privacy.Spend(Noisy, 2, 10).Fingerprint.ShouldBe(second);
        Should.Throw<TaskFailedException>(() => privacy.Spend(Noisy, 1, 10)).Message.ShouldContain("later rounds of job 'noisy'");
    }

    [Fact]
    public void Another_job_of_the_same_name_is_not_given_what_the_first_was()
    {
        Job weaker = Noisy with { Privacy = Noisy.Privacy! with { NoiseMultiplier = 0.5 } };
        Should.Throw<TaskFailedException>(() => Frozen(Noisy, 2, "sha256:m1").Find(Task(weaker, 2, 0), "sha256:m1", null)).Message.ShouldContain("another job of the name 'noisy'");

        // Masks are new in each job, and in the same one that is begun again.
        Job masked = Noisy with { Name = "masked", Privacy = null, SecureAggregation = new JobSecureAggregation() };
        Frozen(masked, 2, "sha256:m1").Find(Task(masked with { Seed = 5 }, 1, 2), "sha256:m1", null).ShouldBeNull();
        Frozen(masked, 2, "sha256:m1").Find(Task(masked, 2, 2), "sha256:m1", "cd").ShouldBeNull();
        Frozen(masked, 2, "sha256:m1").Find(Task(masked, 2, 2), "sha256:m1", "ab").ShouldNotBeNull();
    }

    private FrozenResults Frozen(Job job, int round, string model)
    {
        var frozen = new FrozenResults(_folder["frozen"]);
        TaskDocument task = Task(job, round, 0);
        File.WriteAllText(frozen.Message(task), "message");
        frozen.Keep(task, new FrozenResult(task.StatementDigest(), round, model, job.SecureAggregation is null ? null : "ab", new MessageMeaning(MessageKind.Delta, model, "fp32"), 42, new Dictionary<string, double>(), 1));
        return frozen;
    }

    private static TaskDocument Task(Job job, int round, int step) =>
        new(job, TaskNames.Train, round, step, 1, new MessageDocument("m", 1, null, new MessageMeaning(MessageKind.Weights, null, "fp32"), []), null);
}
