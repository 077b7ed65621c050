using Tributary.TestKit;

namespace Tributary.Transport.Tests.Client;

/// <summary>Objects that are fetched while the server is still making them; without it a slow encoder and a slow wire add up.</summary>
public sealed class MakingTests : IAsyncLifetime
{
    private const int PartBytes = 64 << 10;
    private const int Length = (10 * PartBytes) + 100;

    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();
    private readonly byte[] _bytes = Scratch.Bytes(Length);
    private TransportHost _host = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Target => _scratch.PathOf("target");

    public async ValueTask InitializeAsync() => _host = await TransportHost.StartAsync(_scratch.Folder);

    [Fact]
    public async Task Parts_arrive_before_the_last_ones_are_made_and_the_digest_at_the_end()
    {
        StagedFile file = StagedFile.Create(_scratch.PathOf("making"), Length);
        var committed = new TaskCompletionSource();
        var served = new ServedObject("o", file, PartBytes, committing: _ => committed.Task);
        _host.Publish("o", served);
        var half = new TaskCompletionSource();
        var progress = new OnProgress(value => _ = value.BytesDone == 5 * PartBytes && half.TrySetResult());
        Task<TransferResult> download = DownloadAsync(Clients.Quick, progress);
        file.Write(_bytes.AsSpan(0, (5 * PartBytes) + 10));
        await half.Task.WaitAsync(Cancel);

        file.Write(_bytes.AsSpan((5 * PartBytes) + 10));
        File.Exists(Target).ShouldBeFalse("what is not committed has no digest, so nobody can say that it arrived");
        committed.SetResult();
        TransferResult result = await download;
        result.Descriptor.Digest.ShouldBe((await served.CommitAsync()).Digest);
        (result.BytesOnWire, result.Retries).ShouldBe((Length, 0));
        (await File.ReadAllBytesAsync(Target, Cancel)).ShouldBeBytes(_bytes);
    }

    [Fact]
    public async Task An_encoder_that_shows_nothing_for_longer_than_the_progress_rule_allows_is_waited_for()
    {
        StagedFile file = StagedFile.Create(_scratch.PathOf("making"), Length, [Length]);
        _host.Publish("o", new ServedObject("o", file, PartBytes));
        var rule = new ProgressRule(1, TimeSpan.FromMilliseconds(400));
        Task<TransferResult> download = DownloadAsync(Clients.Quick with { Progress = rule }, null);

        // The server is asked for a part that is not there, again and again, over several windows.
        await Task.WhenAny(download, Task.Delay(4 * rule.Window, Cancel));
        download.IsCompleted.ShouldBeFalse();
        file.Write(_bytes);
        await download;
        (await File.ReadAllBytesAsync(Target, Cancel)).ShouldBeBytes(_bytes);
    }

    [Fact]
    public async Task An_encoder_that_fails_ends_the_download_with_its_reason()
    {
        StagedFile file = StagedFile.Create(_scratch.PathOf("making"), Length);
        _host.Publish("o", new ServedObject("o", file, PartBytes));
        var some = new TaskCompletionSource();
        Task<TransferResult> download = DownloadAsync(Clients.Quick, new OnProgress(value => _ = value.BytesDone > 0 && some.TrySetResult()));
        file.Write(_bytes.AsSpan(0, 2 * PartBytes));
        await some.Task.WaitAsync(Cancel);
        file.Fail(new InvalidOperationException("tensor 'a' is NaN at element 3"));
        TransferException e = await Should.ThrowAsync<TransferException>(download);
        e.Failure.ShouldBe(TransferFailure.ObjectChanged);
        e.Message.ShouldContain("tensor 'a' is NaN at element 3");
        File.Exists(Target).ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_that_is_started_again_in_the_middle_makes_it_anew_and_parts_that_are_the_same_are_not_fetched_again()
    {
        StagedFile first = StagedFile.Create(_scratch.PathOf("first"), Length);
        _host.Publish("o", new ServedObject("o", first, PartBytes));
        var some = new TaskCompletionSource();
        Task<TransferResult> download = DownloadAsync(Clients.Quick with { Connections = 1 }, new OnProgress(value => _ = value.BytesDone == 4 * PartBytes && some.TrySetResult()));
        first.Write(_bytes.AsSpan(0, 4 * PartBytes));
        await some.Task.WaitAsync(Cancel);

        // The second attempt makes other bytes in the second part, as another version of the server might.
        _bytes[PartBytes + 5]++;
        StagedFile second = StagedFile.Create(_scratch.PathOf("second"), Length);
        second.Write(_bytes);
        _host.Publish("o", new ServedObject("o", second, PartBytes));
        first.Write(_bytes.AsSpan(4 * PartBytes));
        TransferResult result = await download;
        (await File.ReadAllBytesAsync(Target, Cancel)).ShouldBeBytes(_bytes);
        result.BytesOnWire.ShouldBeLessThanOrEqualTo(Length + (2 * PartBytes));
    }

    [Fact]
    public async Task What_arrived_is_held_against_the_digest_that_the_server_had_on_record()
    {
        string path = _scratch.Write("model", _bytes);
        _host.Publish("o", new ServedObject("o", ByteSource.FromFile(path), PartBytes, digest: ObjectDigest.Prefix + new string('a', 64)));
        TransferException e = await Should.ThrowAsync<TransferException>(DownloadAsync(Clients.Quick, null));
        e.Failure.ShouldBe(TransferFailure.ObjectChanged);
        e.Message.ShouldContain("recorded was sha256:aaaa");
        File.Exists(Target).ShouldBeFalse();
    }

    public async ValueTask DisposeAsync()
    {
        _clients.Dispose();
        await _host.DisposeAsync();
        _scratch.Dispose();
    }

    private Task<TransferResult> DownloadAsync(TransferOptions options, OnProgress? progress) =>
        _clients.With(options).DownloadAsync(_host.ObjectAddress("o"), Target, new DownloadRequest { Progress = progress }, Cancel);
}
