using Tributary.TestKit;

namespace Tributary.Transport.Tests.Client;

public sealed class GivingUpTests : IAsyncLifetime
{
    private const int PartBytes = 64 << 10;
    private const int Length = 64 * PartBytes;

    private static readonly TransferOptions Impatient =
        Clients.Quick with { Progress = new ProgressRule(64 << 10, TimeSpan.FromSeconds(1)) };

    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();
    private TransportHost _host = null!;
    private FaultyProxy _proxy = null!;
    private string _source = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _source = _scratch.WriteRandom("source", Length);
        _host = await TransportHost.StartAsync(_scratch.Folder);
        await _host.BeginUploadAsync("u", new PartLayout(Length, PartBytes));
        await _host.PublishAsync("o", _source, PartBytes);
        _proxy = new FaultyProxy(_host.Address);
    }

    [Fact]
    public async Task A_trickle_fails_and_says_how_far_it_came()
    {
        var progress = new OnProgress(value => _proxy.Throttle(ProxyDirection.Up, value.BytesDone >= 8 * PartBytes ? 2000 : 0));
        TransferException e = await FailAsync(Impatient, progress);
        e.Failure.ShouldBe(TransferFailure.Stalled);
        e.Message.ShouldContain("of 4096.0 KiB were done; the same call goes on from there");
        e.Progress.BytesDone.ShouldBeInRange(8 * PartBytes, Length - 1);
        _proxy.Throttle(ProxyDirection.Up, 0);
        (await UploadAsync(Clients.Quick, null)).PartsMoved.ShouldBeLessThanOrEqualTo((int)((Length - e.Progress.BytesDone) / PartBytes));
    }

    [Fact]
    public async Task A_server_that_is_gone_ends_the_transfer_after_the_window_with_the_last_failure()
    {
        await _host.DisposeAsync();
        TransferException e = await FailAsync(Impatient, null);
        e.Failure.ShouldBe(TransferFailure.Stalled);
        e.Message.ShouldContain("only 0 bytes moved within 00:00:01, at least 64.0 KiB are asked for. The last failure was:");
        e.InnerException.ShouldNotBeNull();
    }

    [Fact]
    public async Task Damage_that_never_ends_is_given_up_although_bytes_move()
    {
        _proxy.DamageAfter = (await File.ReadAllBytesAsync(_source, Cancel)).AsMemory(3 * PartBytes, 6);
        TransferException e = await FailAsync(Clients.Quick with { Progress = new ProgressRule(1, TimeSpan.FromSeconds(4)) }, null);
        e.Failure.ShouldBe(TransferFailure.Stalled);
        e.Message.ShouldContain("nothing that was tried got through; the last failure was: PUT");
        e.Message.ShouldContain("parts/3: the server answered 400 Bad Request: Part 3 of upload u arrived with the CRC-64");
        File.Exists(_host.UploadPath("u")).ShouldBeFalse();
    }

    [Fact]
    public async Task What_the_server_refuses_for_good_is_not_tried_again()
    {
        TransferException missing = await Should.ThrowAsync<TransferException>(
            _clients.With().DownloadAsync(new Uri(_host.Address, "/objects/none"), _scratch.PathOf("t"), null, Cancel));
        (missing.Failure, missing.ProblemType).ShouldBe((TransferFailure.Refused, ProblemTypes.ObjectNotFound));
        using var source = ByteSource.FromFile(_scratch.Write("short", [1]));
        TransferException other = await Should.ThrowAsync<TransferException>(
            _clients.With().UploadAsync(_host.UploadAddress("u"), source, null, Cancel));
        other.Failure.ShouldBe(TransferFailure.Refused);
        other.Message.ShouldContain($"begun for {Length} bytes, but there are 1 to send");
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_not_taken_for_a_bad_connection()
    {
        TransferException e = await Should.ThrowAsync<TransferException>(
            _clients.With().DownloadAsync(_host.ObjectAddress("o"), _scratch.PathOf("no/such/folder"), null, Cancel));
        e.Failure.ShouldBe(TransferFailure.LocalFile);
        e.Message.ShouldContain("no/such/folder");
    }

    [Fact]
    public async Task Waits_double_up_to_their_limit_and_heed_what_the_server_asks_for()
    {
        string?[] answers = [null, null, null, null, "30", "99999999", null];
        Array.ForEach(answers, _host.Unavailable.Enqueue);
        var clock = new HurriedClock();
        var options = new TransferOptions { BackoffFirst = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromSeconds(5) };
        await new ObjectClient(_clients.Http, options, clock, new Highest()).DownloadAsync(_host.ObjectAddress("o"), _scratch.PathOf("target"), null, Cancel);
        clock.Waits.Select(wait => Math.Round(wait.TotalSeconds, 1)).ShouldBe([1, 2, 4, 5, 30, 30, 5]);
    }

    [Fact]
    public void Options_that_cannot_work_are_refused_with_every_reason()
    {
        ArgumentException e = Should.Throw<ArgumentException>(
            () => _clients.With(new TransferOptions { Connections = 0, BackoffMax = default }));
        e.Message.ShouldContain("Connections is 1 to 64, not 0");
        e.Message.ShouldContain("BackoffFirst");
        using var http = new HttpClient();
        Should.Throw<ArgumentException>(() => new ObjectClient(http, new TransferOptions(), TimeProvider.System, new Random(1)))
            .Message.ShouldContain("Set it to Timeout.InfiniteTimeSpan");
    }

    public async ValueTask DisposeAsync()
    {
        _clients.Dispose();
        await _proxy.DisposeAsync();
        await _host.DisposeAsync();
        _scratch.Dispose();
    }

    private async Task<TransferException> FailAsync(TransferOptions options, OnProgress? progress) =>
        await Should.ThrowAsync<TransferException>(UploadAsync(options, progress));

    private async Task<TransferResult> UploadAsync(TransferOptions options, OnProgress? progress)
    {
        using var source = ByteSource.FromFile(_source);
        return await _clients.With(options).UploadAsync(new Uri(_proxy.Address, "/uploads/u"), source, progress, Cancel);
    }

    private sealed class Highest() : Random(1)
    {
        public override double NextDouble() => 1;
    }

    /// <summary>A clock on which single waits are over at once and are written down; what is periodic never happens.</summary>
    private sealed class HurriedClock : TimeProvider
    {
        public List<TimeSpan> Waits { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan)
            {
                return System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }

            Waits.Add(dueTime);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
