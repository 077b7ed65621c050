using System.Net;
using System.Net.Http.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Queue;

/// <summary>A job is what an administrator signed. A server that says otherwise gets nothing from a site; a client that does gets nothing from the server.</summary>
public sealed class SignatureTests
{
    private static readonly InitialModel Model = new($"sha256:{new string('a', 64)}", 4, "model", 1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("viewer/bob")]
    [InlineData("site/a")]
    public async Task Only_an_administrators_signature_submits_a_job(string signer)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        (await RefusedAsync(server, Sign(server.Project, signer, Models.Job("demo", "a")), HttpStatusCode.Forbidden)).ShouldContain($"signed by {signer}; only administrators submit jobs");
    }

    [Fact]
    public async Task A_statement_that_was_changed_after_it_was_signed_is_refused()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        SignedJobDocument signed = Sign(server.Project, "admin/alice", Models.Job("demo", "a"));
        (await RefusedAsync(server, signed with { Statement = signed.Statement.Replace("\"rounds\":3", "\"rounds\":9", StringComparison.Ordinal) }, HttpStatusCode.Forbidden))
            .ShouldContain("the signature is not one of admin/alice over this text");
        (await RefusedAsync(server, signed with { Signature = "AAAA" }, HttpStatusCode.Forbidden)).ShouldContain("the signature is not one of");
        (await RefusedAsync(server, signed with { Certificate = "none" }, HttpStatusCode.Forbidden)).ShouldContain("cannot be read");
    }

    [Fact]
    public async Task A_signature_of_another_project_or_of_an_administrator_who_was_revoked_is_refused()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using var stranger = new TestProject();
        (await RefusedAsync(server, Sign(stranger, "admin/alice", Models.Job("demo", "a")), HttpStatusCode.Forbidden)).ShouldContain("another CA");
        SignedJobDocument signed = Sign(server.Project, "admin/alice", Models.Job("demo", "a"));
        using HttpClient client = server.Client("admin/alice");
        (await client.GetAsync(JobRoutes.Jobs, Cancel)).StatusCode.ShouldBe(HttpStatusCode.OK);
        server.Project.Provisioner.Revoke([new Party(PartyRole.Admin, "alice")]);
        using HttpResponseMessage response = await client.PostAsJsonAsync(JobRoutes.Jobs, signed, JobJson.Default.SignedJobDocument, Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_statement_with_a_rule_that_is_not_known_here_is_refused_rather_than_half_kept()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        string text = new JobStatement(Models.Job("demo", "a"), Model, DateTimeOffset.UnixEpoch).ToText().Replace("\"rounds\":3", "\"rounds\":3,\"privacyFromTheFuture\":true", StringComparison.Ordinal);
        (await RefusedAsync(server, Sign(server.Project, "admin/alice", text), HttpStatusCode.BadRequest)).ShouldContain("install that here");
    }

    [Theory]
    [InlineData("../etc", "demo", 3, "fedavg", "should be small letters")]
    [InlineData("a", "Demo", 3, "fedavg", "should be small letters")]
    [InlineData("a", "demo", 0, "fedavg", "0 rounds")]
    [InlineData("a", "demo", 3, "mine", "no workflow 'mine'")]
    public async Task A_job_that_cannot_run_is_refused_when_it_is_submitted(string site, string name, int rounds, string workflow, string says)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        Job job = Models.Job(name, site) with { Rounds = rounds, Workflow = workflow };
        (await RefusedAsync(server, Sign(server.Project, "admin/alice", job), HttpStatusCode.UnprocessableEntity)).ShouldContain(says);
    }

    [Fact]
    public async Task A_site_trains_for_no_job_that_its_server_made_up()
    {
        // This server is not honest: it runs a job that nobody has signed.
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        await using RunningAgent a = server.Agent("a", executor);
        Federation.Workflows.JobFailedException failed = await Should.ThrowAsync<Federation.Workflows.JobFailedException>(
            server.Server.RunJobAsync(Models.Job("demo", "a"), initial, static _ => { }, Cancel));
        failed.Message.ShouldContain("job 'demo' is not signed");
        executor.Done.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("other", "a", "what was signed is job 'signed'")]
    [InlineData("signed", "b", "as it was signed is not for site 'a'")]
    public async Task A_site_trains_for_no_job_that_its_server_put_under_anothers_signature(string runs, string signedFor, string says)
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        await using RunningAgent a = server.Agent("a", executor);
        SignedJobDocument signed = Sign(server.Project, "admin/alice", Models.Job("signed", signedFor));
        Federation.Workflows.JobFailedException failed = await Should.ThrowAsync<Federation.Workflows.JobFailedException>(server.Server.RunJobAsync(
            Models.Job(runs, "a"), signed, Federation.Workflows.Controllers.Create("fedavg"), initial, static _ => { }, Cancel));
        failed.Message.ShouldContain(says);
        executor.Done.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_that_runs_more_rounds_than_were_signed_gets_no_more_than_were_signed()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var executor = new AddingExecutor(1, 1);
        await using RunningAgent a = server.Agent("a", executor);
        SignedJobDocument signed = Sign(server.Project, "admin/alice", Models.Job("demo", "a") with { Rounds = 1 });
        Federation.Workflows.JobFailedException failed = await Should.ThrowAsync<Federation.Workflows.JobFailedException>(server.Server.RunJobAsync(
            Models.Job("demo", "a") with { Rounds = 9 }, signed, Federation.Workflows.Controllers.Create("fedavg"), initial, static _ => { }, Cancel));
        failed.Message.ShouldContain("as it was signed has 1 rounds");
        executor.Done.ShouldBe(["train 1"]);
    }

    private static SignedJobDocument Sign(TestProject project, string party, Job job) => Sign(project, party, new JobStatement(job, Model, DateTimeOffset.UnixEpoch).ToText());

    private static SignedJobDocument Sign(TestProject project, string party, string text)
    {
        using Kit kit = project.Open(party);
        PartySignature signed = PartySignature.Sign(JobStatement.MediaType, text, kit);
        return new SignedJobDocument(signed.Text, signed.Signature, signed.Certificate);
    }

    private static async Task<string> RefusedAsync(SecureServer server, SignedJobDocument signed, HttpStatusCode status)
    {
        using HttpClient client = server.Client("admin/alice");
        using HttpResponseMessage response = await client.PostAsJsonAsync(JobRoutes.Jobs, signed, JobJson.Default.SignedJobDocument, Cancel);
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(status, body);
        return System.Text.Json.JsonDocument.Parse(body).RootElement.GetProperty("detail").GetString()!;
    }
}
