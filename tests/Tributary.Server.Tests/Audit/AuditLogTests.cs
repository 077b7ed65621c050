using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Tributary.Client;
using Tributary.Federation.Wire;
using Tributary.Server.Audit;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Audit;

/// <summary>What an auditor loses where these fail: the certainty that the record is what happened.</summary>
public sealed class AuditLogTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LogPath => _folder["audit.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_log_goes_on_where_it_was_and_is_whole()
    {
        foreach (int start in Enumerable.Range(0, 3))
        {
            using AuditLog log = Open();
            log.Add("admin/alice", "job-submitted", $"job-{start}", "with \"quotes\", \n and ünïcode");
            log.Add("server", "job-started", $"job-{start}");
        }

        (long entries, string head, string? fault) = AuditChain.Verify(File.ReadLines(LogPath), known: null);
        (entries, fault).ShouldBe((6, null));
        head.ShouldBe(File.ReadLines(LogPath).Last()[^66..^2]);
    }

    [Fact]
    public void A_line_is_the_same_for_every_program_that_checks_it()
    {
        using (AuditLog log = Open())
        {
            log.Add("admin/alice", "job-submitted", "demo", "sha256:00");
        }

        string body = $$"""{"number":1,"time":"{{_time.GetUtcNow():yyyy-MM-ddTHH:mm:ss+00:00}}","who":"admin/alice","what":"job-submitted","about":"demo","detail":"sha256:00","previous":"{{AuditChain.Origin}}"}""";
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        File.ReadAllText(LogPath).ShouldBe($"{body[..^1]},\"hash\":\"{hash}\"}}\n");
    }

    [Fact]
    public void A_change_of_any_byte_is_found()
    {
        byte[] whole = Whole();
        for (int place = 0; place < whole.Length; place++)
        {
            foreach (byte to in (byte[])[(byte)(whole[place] ^ 1), (byte)(whole[place] ^ 0x20), 0])
            {
                byte[] changed = [.. whole];
                changed[place] = to;
                Verify(changed).Fault.ShouldNotBeNull($"byte {place} changed from {whole[place]} to {to}");
            }
        }
    }

    [Fact]
    public void A_line_that_was_removed_put_in_or_moved_is_found_and_one_that_was_cut_off_by_who_noted_the_hash()
    {
        string[] lines = Encoding.UTF8.GetString(Whole()).TrimEnd('\n').Split('\n');
        string head = AuditChain.Verify(lines, null).Head;
        AuditChain.Verify([lines[0], .. lines[2..]], null).Fault!.ShouldContain("line 2 is entry 3, which does not follow on entry 1");
        AuditChain.Verify([lines[1], lines[0], .. lines[2..]], null).Fault.ShouldNotBeNull();
        AuditChain.Verify([lines[0], .. lines], null).Fault.ShouldNotBeNull();
        AuditChain.Verify(lines[..^1], null).Fault.ShouldBeNull();
        AuditChain.Verify(lines[..^1], head).Fault!.ShouldContain("cut off");
        AuditChain.Verify(lines, head).Fault.ShouldBeNull();
    }

    [Fact]
    public void A_line_that_was_half_written_when_the_machine_stopped_goes_and_a_changed_one_stops_the_server()
    {
        byte[] whole = Whole();
        File.WriteAllBytes(LogPath, [.. whole, .. Encoding.UTF8.GetBytes("{\"number\":4,\"ti")]);
        using (AuditLog log = Open())
        {
            log.Add("server", "job-started", "next");
        }

        AuditChain.Verify(File.ReadLines(LogPath), null).ShouldSatisfyAllConditions(found => found.Entries.ShouldBe(4), found => found.Fault.ShouldBeNull());
        File.WriteAllText(LogPath, File.ReadAllText(LogPath).Replace("next", "last", StringComparison.Ordinal));
        Should.Throw<IOException>(Open).Message.ShouldContain("its last entry was changed");
    }

    [Fact]
    public async Task Who_submits_ends_and_removes_a_job_and_who_fetches_its_model_is_on_record_and_so_is_who_was_refused()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using (RunningAgent a = server.Agent("a", new AddingExecutor(1, 1)))
        {
            (await server.RunAsync(Models.Job("demo", "a"), initial)).Line.State.ShouldBe(JobState.Finished);
        }

        JobClient admin = server.Admin();
        await server.Admin("viewer/bob").DownloadModelAsync("demo", best: true, _folder["model"], progress: null, Cancel);
        await Should.ThrowAsync<HttpRequestException>(server.Admin("viewer/bob").AbortAsync("demo", Cancel));
        await admin.DeleteAsync("demo", Cancel);
        string path = Path.Combine(server.Server.Options.Folder, "audit.jsonl");
        await server.Server.DisposeAsync();

        string[] done = [.. File.ReadLines(path).Select(line => AuditChain.Read(line)!.Value.Entry).Select(entry => $"{entry.Who} {entry.What} {entry.About}".Trim())];
        done.ShouldBe(
        [
            "admin/alice job-submitted demo",
            "admin/alice model-uploaded",
            "server/server job-started demo",
            "site/a result-sent demo",
            "site/a result-sent demo",
            "site/a result-sent demo",
            "site/a result-sent demo",
            "server/server job-finished demo",
            "viewer/bob model-fetched demo",
            "viewer/bob refused POST v1/jobs/{job}/abort",
            "admin/alice job-deleted demo",
        ]);
        AuditChain.Verify(File.ReadLines(path), null).Fault.ShouldBeNull();
    }

    [Fact]
    public async Task A_party_that_asks_too_much_is_told_to_wait_and_the_others_are_served()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await server.RestartAsync(options => options with { RequestsPerSecond = 1 });
        using HttpClient a = server.Client("site/a");
        using HttpClient b = server.Client("site/b");
        HttpStatusCode[] answers = [.. await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ => (await a.GetAsync(Routes.NextTask, Cancel)).StatusCode))];
        answers.ShouldContain(HttpStatusCode.TooManyRequests);
        answers.ShouldContain(HttpStatusCode.NoContent);
        using HttpResponseMessage refused = await UntilRefusedAsync(a);
        refused.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
        (await b.GetAsync(Routes.NextTask, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    private static async Task<HttpResponseMessage> UntilRefusedAsync(HttpClient client)
    {
        HttpResponseMessage answer;
        for (answer = await client.GetAsync(Routes.NextTask, Cancel); answer.StatusCode != HttpStatusCode.TooManyRequests; answer = await client.GetAsync(Routes.NextTask, Cancel))
        {
            answer.Dispose();
        }

        return answer;
    }

    private AuditLog Open() => new(_folder.Path, _time, NullLogger.Instance);

    private byte[] Whole()
    {
        File.Delete(LogPath);
        using (AuditLog log = Open())
        {
            log.Add("admin/alice", "job-submitted", "demo", "sha256:00");
            log.Add("server", "job-started", "demo");
            log.Add("site/a", "result-sent", "demo", "round 1");
        }

        return File.ReadAllBytes(LogPath);
    }

    private static (long Entries, string Head, string? Fault) Verify(byte[] bytes)
    {
        using var reader = new StreamReader(new MemoryStream(bytes), Encoding.UTF8);
        return AuditChain.Verify(reader.ReadToEnd().TrimEnd('\n').Split('\n'), null);
    }
}
