using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.SecureAggregation;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Identity;

/// <summary>Secure aggregation as it is deployed: over mutual TLS, with sites that sign with their kits. Whoever could sign for another site could unmask it.</summary>
public sealed class SignedSumsTests
{
    private const string ThreeSites = """
        name: test
        server: { addresses: [localhost, 127.0.0.1] }
        sites: [a, b, c]
        admins: [alice]
        viewers: [bob]
        """;

    [Fact]
    public async Task A_submitted_job_sums_under_masks_and_ends_early_where_its_budget_says_so()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync(new TestProject(ThreeSites));
        await using RunningAgent a = server.Agent("a", new DriftingExecutor(1));
        await using RunningAgent b = server.Agent("b", new DriftingExecutor(2));
        await using RunningAgent c = server.Agent("c", new DriftingExecutor(3));
        var round = RenyiCurve.Of(new GaussianMechanism(5));
        double budget = (round.Times(2).Epsilon(1e-5) + round.Times(3).Epsilon(1e-5)) / 2;
        Job job = Models.Job("sums", "a", "b", "c") with
        {
            Precision = new JobPrecision("nf4", JobPrecision.Integers, Ring: new JobRing(24)),
            Aggregation = new JobAggregation(Weights: UpdateWeights.Uniform, NormLimit: 0),
            SecureAggregation = new JobSecureAggregation(),
            Privacy = new JobPrivacy { Unit = PrivacyUnit.Site, Clip = 1, NoiseMultiplier = 5, Epsilon = budget, Figures = PrivateFigures.Told },
        };
        JobDocument ended = await server.RunAsync(job, initial);
        ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
        ended.Models.Count.ShouldBe(3);
        ended.Line.Reason!.ShouldStartWith("the privacy budget allows 2 of 3 rounds");
    }

    [Fact]
    public void A_signature_is_of_one_site_one_kind_and_one_text_alone()
    {
        using var project = new TestProject(ThreeSites);
        using Kit a = project.Open("site/a", TimeProvider.System);
        using Kit alice = project.Open("admin/alice", TimeProvider.System);
        byte[] signature = PartySignature.Sign(StatementTypes.Keys, "text", a).Detached();
        Is("a", StatementTypes.Keys, "text", signature).ShouldBeTrue();
        Is("b", StatementTypes.Keys, "text", signature).ShouldBeFalse();
        Is("a", StatementTypes.Survivors, "text", signature).ShouldBeFalse();
        Is("a", StatementTypes.Keys, "another", signature).ShouldBeFalse();
        Is("a", StatementTypes.Keys, "text", []).ShouldBeFalse();
        Is("a", StatementTypes.Keys, "text", [.. signature.SkipLast(200)]).ShouldBeFalse();
        Is("alice", StatementTypes.Keys, "text", PartySignature.Sign(StatementTypes.Keys, "text", alice).Detached()).ShouldBeFalse();

        bool Is(string site, string type, string text, byte[] given) => SiteSignature.IsOf(site, type, text, given, a.Trust);
    }
}
