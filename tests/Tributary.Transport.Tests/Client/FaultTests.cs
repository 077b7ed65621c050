using Tributary.TestKit;

namespace Tributary.Transport.Tests.Client;

public sealed class FaultTests : IAsyncLifetime
{
    private const int PartBytes = 64 << 10;
    private const int Length = (10 * PartBytes) + 100;

    private static readonly TransferOptions OneByOne = Clients.Quick with { Connections = 1 };

    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();
    private readonly byte[] _bytes = Scratch.Bytes(Length);
    private readonly PartLayout _layout = new(Length, PartBytes);
    private TransportHost _host = null!;
    private FaultyProxy _proxy = null!;
    private string _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Uri Upload => new(_proxy.Address, "/uploads/u");

    private Uri Object => new(_proxy.Address, "/objects/o");

    private string Target => _scratch.PathOf("target");

    public async ValueTask InitializeAsync()
    {
        _source = _scratch.Write("source", _bytes);
        _host = await TransportHost.StartAsync(_scratch.Folder);
        await _host.BeginUploadAsync("u", _layout);
        await _host.PublishAsync("o", _source, PartBytes);
        _proxy = new FaultyProxy(_host.Address);
    }

    [Fact]
    public async Task A_part_damaged_on_its_way_up_is_refused_and_sent_again_alone()
    {
        _proxy.FlipAt(ProxyDirection.Up, (3 * PartBytes) + (PartBytes / 2));
        TransferResult result = await UploadAsync(OneByOne);
        await ShouldHaveArrivedAsync(_host.UploadPath("u"));
        (result.Retries, result.PartsMoved, result.BytesOnWire).ShouldBe((1, 11, Length + PartBytes));
        _host.Log.Count(line => line.Contains("of upload u arrived damaged")).ShouldBe(1);
    }

    [Fact]
    public async Task A_part_damaged_on_its_way_down_is_fetched_again_alone()
    {
        _proxy.FlipAt(ProxyDirection.Down, (3 * PartBytes) + (PartBytes / 2));
        TransferResult result = await DownloadAsync(OneByOne);
        await ShouldHaveArrivedAsync(Target);
        (result.Retries, result.PartsMoved, result.BytesOnWire).ShouldBe((1, 11, Length + PartBytes));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task A_connection_cut_within_a_part_going_up_costs_that_part_and_no_other(int connections)
    {
        _proxy.CutAt(ProxyDirection.Up, (2 * PartBytes) + 30_000);
        _proxy.CutAt(ProxyDirection.Up, (6 * PartBytes) + 30_000);
        TransferResult result = await UploadAsync(OneByOne with { Connections = connections });
        await ShouldHaveArrivedAsync(_host.UploadPath("u"));
        result.PartsMoved.ShouldBe(11);
        result.Retries.ShouldBeInRange(1, 2 + connections);
        _proxy.Passed(ProxyDirection.Up).ShouldBeLessThan(Length + (2L * PartBytes) + 20_000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task A_connection_cut_within_a_part_coming_down_costs_that_part_and_no_other(int connections)
    {
        _proxy.CutAt(ProxyDirection.Down, (2 * PartBytes) + 30_000);
        _proxy.CutAt(ProxyDirection.Down, (6 * PartBytes) + 30_000);
        TransferResult result = await DownloadAsync(OneByOne with { Connections = connections });
        await ShouldHaveArrivedAsync(Target);
        result.PartsMoved.ShouldBe(11);
        result.Retries.ShouldBeInRange(1, 2 + connections);
        _proxy.Passed(ProxyDirection.Down).ShouldBeLessThan(Length + (2L * PartBytes) + 20_000);
    }

    [Theory]
    [InlineData(ProxyDirection.Up)]
    [InlineData(ProxyDirection.Down)]
    public async Task A_connection_that_died_silently_is_replaced_before_the_transfer_gives_up(ProxyDirection direction)
    {
        _proxy.FreezeAt(direction, (3 * PartBytes) + 30_000);
        TransferOptions options = OneByOne with { Progress = new ProgressRule(1, TimeSpan.FromSeconds(4)) };
        TransferResult result = await (direction == ProxyDirection.Up ? UploadAsync(options) : DownloadAsync(options));
        await ShouldHaveArrivedAsync(direction == ProxyDirection.Up ? _host.UploadPath("u") : Target);
        result.PartsMoved.ShouldBe(11);
        result.Retries.ShouldBeInRange(1, 4);
    }

    [Fact]
    public async Task An_upload_goes_on_when_the_server_is_restarted_in_the_middle()
    {
        using var source = StagedFile.Create(_scratch.PathOf("encoded"), Length);
        var half = new TaskCompletionSource();
        var progress = new OnProgress(value => _ = value.BytesDone >= 5 * PartBytes && half.TrySetResult());
        Task<TransferResult> upload = _clients.With().UploadAsync(Upload, source, progress, Cancel);
        source.Write(_bytes.AsSpan(0, 5 * PartBytes));
        await half.Task.WaitAsync(Cancel);

        await _host.DisposeAsync();
        source.Write(_bytes.AsSpan(5 * PartBytes));
        _host = await TransportHost.StartAsync(_scratch.Folder);
        ObjectUpload resumed = await _host.BeginUploadAsync("u", _layout);
        resumed.Missing().ShouldBe([(5, 10)]);
        _proxy.Target = _host.Address;

        TransferResult result = await upload;
        result.PartsMoved.ShouldBe(11);
        await ShouldHaveArrivedAsync(_host.UploadPath("u"));
    }

    [Fact]
    public async Task An_upload_whose_client_is_restarted_sends_only_what_is_missing()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await Should.ThrowAsync<OperationCanceledException>(UploadAsync(OneByOne, StopAtHalf(stop), stop.Token));
        int missing = (await _host.BeginUploadAsync("u", _layout)).Missing().Sum(run => run.Last - run.First + 1);
        missing.ShouldBeInRange(1, 6);
        TransferResult result = await UploadAsync(OneByOne);
        await ShouldHaveArrivedAsync(_host.UploadPath("u"));
        result.PartsMoved.ShouldBe(missing);
        result.BytesOnWire.ShouldBeLessThanOrEqualTo((long)missing * PartBytes);
    }

    [Fact]
    public async Task A_download_whose_client_is_restarted_fetches_only_what_is_missing_or_damaged_since()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await Should.ThrowAsync<OperationCanceledException>(DownloadAsync(OneByOne, StopAtHalf(stop), stop.Token));
        File.Exists(Target).ShouldBeFalse();
        using (FileStream partial = File.OpenWrite(Target + ".partial"))
        {
            partial.WriteByte((byte)~_bytes[0]);
        }

        TransferResult result = await DownloadAsync(OneByOne);
        await ShouldHaveArrivedAsync(Target);
        result.PartsMoved.ShouldBe(7);
        result.BytesOnWire.ShouldBe((6L * PartBytes) + 100);
    }

    [Fact]
    public async Task A_download_that_was_complete_fetches_nothing_when_it_is_made_again_but_what_was_damaged_since()
    {
        (await DownloadAsync(OneByOne)).PartsMoved.ShouldBe(11);
        TransferResult again = await DownloadAsync(OneByOne);
        (again.PartsMoved, again.BytesOnWire).ShouldBe((0, 0));
        await ShouldHaveArrivedAsync(Target);
        using (FileStream file = File.OpenWrite(Target))
        {
            file.WriteByte((byte)~_bytes[0]);
        }

        (await DownloadAsync(OneByOne)).PartsMoved.ShouldBe(1);
        await ShouldHaveArrivedAsync(Target);
    }

    [Fact]
    public async Task What_is_there_of_another_object_of_the_same_length_is_not_taken_for_this_one()
    {
        await DownloadAsync(OneByOne);
        _bytes[(5 * PartBytes) + 1]++;

        // No digest is known before the whole object is hashed, which nobody has asked for yet.
        _host.Publish("o", ServedObject.FromFile("o", _scratch.Write("other", _bytes), PartBytes));
        (await DownloadAsync(OneByOne)).PartsMoved.ShouldBe(1);
        await ShouldHaveArrivedAsync(Target);
    }

    [Fact]
    public async Task An_object_that_is_offered_anew_again_and_again_arrives_because_each_time_some_of_it_does()
    {
        int offered = 0;
        var progress = new OnProgress(value =>
        {
            if (value.BytesDone / PartBytes > Volatile.Read(ref offered))
            {
                // As by a server that is killed and started again before the object has a digest.
                _host.Publish("o", ServedObject.FromFile("o", _source, PartBytes));
                Interlocked.Increment(ref offered);
            }
        });
        TransferResult result = await DownloadAsync(OneByOne, progress, Cancel);
        offered.ShouldBeGreaterThan(6);
        result.PartsMoved.ShouldBe(11);
        await ShouldHaveArrivedAsync(Target);
    }

    [Fact]
    public async Task An_object_that_is_replaced_during_its_download_arrives_as_the_new_one_whole()
    {
        byte[] other = Scratch.Bytes(Length - PartBytes - 1, seed: 2);
        using ServedObject replacement = ServedObject.FromFile("o", _scratch.Write("other", other), PartBytes);
        var progress = new OnProgress(value =>
        {
            if (value.BytesDone == 4 * PartBytes)
            {
                _host.Publish("o", replacement);
            }
        });
        TransferResult result = await DownloadAsync(OneByOne, progress, Cancel);
        result.Descriptor.Digest.ShouldBe(replacement.Descriptor!.Digest);
        (await File.ReadAllBytesAsync(Target, Cancel)).ShouldBeBytes(other);
    }

    [Fact]
    public async Task An_object_that_is_not_the_one_that_was_asked_for_is_an_error_that_names_both()
    {
        var request = new DownloadRequest { Digest = ObjectDigest.Prefix + new string('a', 64) };
        TransferException e = await Should.ThrowAsync<TransferException>(_clients.With().DownloadAsync(Object, Target, request, Cancel));
        e.Failure.ShouldBe(TransferFailure.ObjectChanged);
        e.Message.ShouldContain(request.Digest);
        e.Message.ShouldContain("but the server has sha256:");
        File.Exists(Target).ShouldBeFalse();
    }

    [Fact]
    public async Task A_file_that_rots_at_the_server_ends_the_download_with_its_name()
    {
        ObjectDescriptor descriptor = await ServedObject.FromFile("o", _source, PartBytes).CommitAsync();
        var progress = new OnProgress(value =>
        {
            if (value.BytesDone == 4 * PartBytes)
            {
                File.SetLastWriteTimeUtc(_source, DateTime.UtcNow.AddMinutes(1));
            }
        });
        _host.Publish("o", ServedObject.FromFile(_source, descriptor));
        TransferException e = await Should.ThrowAsync<TransferException>(DownloadAsync(OneByOne, progress, Cancel));
        e.Failure.ShouldBe(TransferFailure.ObjectChanged);
        e.Message.ShouldContain("source was written at");
    }

    public async ValueTask DisposeAsync()
    {
        _clients.Dispose();
        await _proxy.DisposeAsync();
        await _host.DisposeAsync();
        _scratch.Dispose();
    }

    private static OnProgress StopAtHalf(CancellationTokenSource stop) => new(value =>
    {
        if (value.BytesDone >= 5 * PartBytes)
        {
            stop.Cancel();
        }
    });

    private Task<TransferResult> UploadAsync(TransferOptions options) => UploadAsync(options, null, Cancel);

    private async Task<TransferResult> UploadAsync(TransferOptions options, OnProgress? progress, CancellationToken cancellationToken)
    {
        using var source = ByteSource.FromFile(_source);
        return await _clients.With(options).UploadAsync(Upload, source, progress, cancellationToken);
    }

    private Task<TransferResult> DownloadAsync(TransferOptions options) => DownloadAsync(options, null, Cancel);

    private Task<TransferResult> DownloadAsync(TransferOptions options, OnProgress? progress, CancellationToken cancellationToken) =>
        _clients.With(options).DownloadAsync(Object, Target, new DownloadRequest { Progress = progress }, cancellationToken);

    private async Task ShouldHaveArrivedAsync(string path) => (await File.ReadAllBytesAsync(path, Cancel)).ShouldBeBytes(_bytes);
}
