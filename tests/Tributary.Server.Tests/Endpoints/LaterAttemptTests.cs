using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Server.Tests.Harness;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Endpoints;

/// <summary>
/// A site that was started again does its task as a new attempt. Without these it would send all of its result again, or an earlier attempt
/// that is still on its way would end up in the model.
/// </summary>
public sealed class LaterAttemptTests
{
    private const int PartBytes = 1024;
    private const int Parts = 5;

    private static readonly Dictionary<string, double> Metrics = new() { ["received_loss"] = 1, ["held_out_tokens"] = 10 };
    private static readonly byte[] Bytes = RandomNumberGenerator.GetBytes(Parts * PartBytes);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_later_attempt_has_the_parts_that_an_earlier_one_brought_also_after_a_restart_of_the_server(bool restart)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        (await a.BeginAsync(task, 1, Bytes.Length, PartBytes)).ShouldBe(HttpStatusCode.OK);
        foreach (int part in new[] { 0, 3 })
        {
            (await PutAsync(a, task, 1, part, Bytes)).ShouldBe(HttpStatusCode.NoContent);
        }

        if (restart)
        {
            await server.RestartAsync(running);
            await server.OpenAsync(Models.Job("demo", "a"), initial);
        }

        using ManualSite again = server.Site("a");
        (await again.TakeAsync()).Attempt.ShouldBe(2);
        (await again.BeginAsync(task, 2, Bytes.Length, PartBytes)).ShouldBe(HttpStatusCode.OK);
        (await MissingAsync(again, task, 2)).ShouldBe("[[1,2],[4,4]]");
    }

    [Fact]
    public async Task An_earlier_attempt_that_still_writes_is_told_that_it_is_not_wanted_and_changes_nothing()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite early = server.Site("a");
        using ManualSite late = server.Site("a");
        TaskDocument task = await early.TakeAsync();
        await late.TakeAsync();
        await early.BeginAsync(task, 1, Bytes.Length, PartBytes);
        await PutAsync(early, task, 1, 0, Bytes);

        (await late.BeginAsync(task, 2, Bytes.Length, PartBytes)).ShouldBe(HttpStatusCode.OK);
        (await PutAsync(early, task, 1, 1, new byte[Bytes.Length])).ShouldBe(HttpStatusCode.NotFound);
        (await early.BeginAsync(task, 1, Bytes.Length, PartBytes)).ShouldBe(HttpStatusCode.Gone);
        using HttpResponseMessage result = await early.PostAsync(task, new ResultDocument(1, 1, Metrics, "sha256:0", ManualSite.Meaning(task)));
        result.StatusCode.ShouldBe(HttpStatusCode.Gone);
        (await MissingAsync(late, task, 2)).ShouldBe("[[1,4]]");
        (await late.BeginAsync(task, 2, Bytes.Length, PartBytes)).ShouldBe(HttpStatusCode.OK, "asking again for what was begun changes nothing");
    }

    [Fact]
    public async Task A_part_that_an_earlier_attempt_is_still_sending_when_a_later_one_begins_does_not_arrive()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite early = server.Site("a");
        using ManualSite late = server.Site("a");
        TaskDocument task = await early.TakeAsync();
        await late.TakeAsync();
        await early.BeginAsync(task, 1, Bytes.Length, PartBytes);
        var reading = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        using var body = new HeldContent(Bytes[..PartBytes], reading, release.Task);
        Task<HttpStatusCode> put = PutAsync(early, task, 1, 0, body, Bytes.AsSpan(0, PartBytes));
        await reading.Task.WaitAsync(Cancel);

        (await late.BeginAsync(task, 2, Bytes.Length, PartBytes)).ShouldBe(HttpStatusCode.OK);
        release.SetResult();
        (await put).ShouldNotBe(HttpStatusCode.NoContent);
        (await MissingAsync(late, task, 2)).ShouldBe("[[0,4]]");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Another_length_begins_anew_also_in_the_same_attempt(int attempt)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        await a.TakeAsync();
        await a.BeginAsync(task, 1, Bytes.Length, PartBytes);
        await PutAsync(a, task, 1, 0, Bytes);
        (await a.BeginAsync(task, attempt, Bytes.Length - 1, PartBytes)).ShouldBe(HttpStatusCode.OK);
        (await MissingAsync(a, task, attempt)).ShouldBe("[[0,4]]");
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(false, 7)]
    [InlineData(true, 2)]
    [InlineData(true, 7)]
    public async Task A_message_that_was_committed_but_never_counted_is_replaced_by_a_later_attempts(bool restart, float amount)
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Job job = Models.Job("demo", "a") with { Rounds = 1 };
        Task<JobRecord> running = await server.OpenAsync(job, initial);
        using ManualSite a = server.Site("a");
        TaskDocument task = await a.TakeAsync();
        await a.TakeAsync();
        using MemorySource two = Change(2);
        await a.UploadAsync(task, 1, two);
        if (restart)
        {
            await server.RestartAsync(running);
            running = await server.OpenAsync(job, initial);
        }

        using ManualSite again = server.Site("a");
        using MemorySource other = Change(amount);
        (await again.SendAsync(task, 2, other, samples: 1)).ShouldBe(HttpStatusCode.NoContent);
        await again.EvaluateAsync();
        using SafetensorsFile last = SafetensorsFile.Open((await running).LastModel!);
        last.ReadFloats("w").ShouldBe(initial.ReadFloats("w").Select(value => value + amount));
    }

    [Fact]
    public async Task A_result_that_comes_after_a_restart_of_the_server_counts_only_with_the_digest_of_what_was_committed()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        TaskDocument task;
        string digest;
        using (ManualSite before = server.Site("a"))
        {
            task = await before.TakeAsync();
            using MemorySource two = Change(2);
            digest = await before.UploadAsync(task, 1, two);
        }

        await server.RestartAsync(running);
        await server.OpenAsync(Models.Job("demo", "a"), initial);
        using ManualSite a = server.Site("a");
        using HttpResponseMessage wrong = await a.PostAsync(task, new ResultDocument(1, 1, Metrics, "sha256:0", ManualSite.Meaning(task)));
        wrong.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        using HttpResponseMessage right = await a.PostAsync(task, new ResultDocument(1, 1, Metrics, digest, ManualSite.Meaning(task)));
        right.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    private static MemorySource Change(float amount)
    {
        float[] values = new float[700];
        Array.Fill(values, amount);
        return new MemorySource(MemorySource.F32("w", [100, 7], values), MemorySource.F32("b", [7], values[..7]));
    }

    private static Task<HttpStatusCode> PutAsync(ManualSite site, TaskDocument task, int attempt, int part, byte[] bytes) =>
        PutAsync(site, task, attempt, part, new ByteArrayContent(bytes, part * PartBytes, PartBytes), bytes.AsSpan(part * PartBytes, PartBytes));

    private static async Task<HttpStatusCode> SendAsync(ManualSite site, HttpRequestMessage put)
    {
        using (put)
        {
            using HttpResponseMessage response = await site.Http.SendAsync(put, Cancel);
            return response.StatusCode;
        }
    }

    private static Task<HttpStatusCode> PutAsync(ManualSite site, TaskDocument task, int attempt, int part, HttpContent content, ReadOnlySpan<byte> bytes)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add("Content-Digest", ManualSite.ContentDigest(bytes));
        return SendAsync(site, new HttpRequestMessage(HttpMethod.Put, $"{ManualSite.Upload(task, attempt)}/parts/{part}") { Content = content });
    }

    private static async Task<string> MissingAsync(ManualSite site, TaskDocument task, int attempt)
    {
        JsonElement state = await site.Http.GetFromJsonAsync<JsonElement>(ManualSite.Upload(task, attempt), Cancel);
        return state.GetProperty("missing").GetRawText();
    }

    /// <summary>A body whose second half is sent when that is allowed.</summary>
    private sealed class HeldContent(byte[] bytes, TaskCompletionSource begun, Task release) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, bytes.Length / 2), Cancel);
            await stream.FlushAsync(Cancel);
            begun.SetResult();
            await release.WaitAsync(Cancel);
            await stream.WriteAsync(bytes.AsMemory(bytes.Length / 2), Cancel);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes.Length;
            return true;
        }
    }
}
