using System.Diagnostics;
using Tributary.TestKit;

namespace Tributary.Transport.Tests.Pacing;

/// <summary>A site that may not take more of its clinic's line than it was given.</summary>
public sealed class RateLimitTests : IDisposable
{
    private const int Step = 100_000;
    private const int BytesPerSecond = 1_000_000;

    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_more_passes_than_the_rate_and_what_a_quarter_of_a_second_brings()
    {
        var clock = new ManualTime();
        var limit = new RateLimit(BytesPerSecond, clock);
        Task[] asked = [.. Enumerable.Range(0, 40).Select(_ => limit.TakeAsync(Step, Cancel))];
        int Passed() => asked.Count(bytes => bytes.IsCompletedSuccessfully);
        Passed().ShouldBe(2, "the bucket holds 250 000 bytes");
        for (int tenth = 1; tenth <= 35; tenth++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            int due = Math.Min(40, (250_000 + (tenth * Step)) / Step);
            await Task.WhenAll(asked.Take(due));
            Passed().ShouldBe(due, $"after {tenth} tenths of a second");
        }
    }

    [Fact]
    public async Task After_a_pause_a_transfer_does_not_catch_up_on_it()
    {
        var clock = new ManualTime();
        var limit = new RateLimit(BytesPerSecond, clock);
        clock.Advance(TimeSpan.FromHours(1));
        Task[] asked = [.. Enumerable.Range(0, 4).Select(_ => limit.TakeAsync(Step, Cancel))];
        asked.Count(bytes => bytes.IsCompletedSuccessfully).ShouldBe(2);
        clock.Advance(TimeSpan.FromMilliseconds(150));
        await Task.WhenAll(asked);
    }

    [Fact]
    public async Task One_limit_holds_for_all_transfers_that_share_it_in_both_directions_of_a_real_connection()
    {
        const int Length = 1_500_000;
        const int Rate = 2_000_000;
        var limit = new RateLimit(Rate, TimeProvider.System);
        TransferOptions options = Clients.Quick with { Down = limit, Up = limit };
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        byte[] bytes = Scratch.Bytes(Length);
        string path = _scratch.Write("source", bytes);
        await host.PublishAsync("o", path, 256 << 10);
        await host.BeginUploadAsync("u", new PartLayout(Length, 256 << 10));
        using var source = ByteSource.FromFile(path);

        long start = Stopwatch.GetTimestamp();
        Task<TransferResult> up = _clients.With(options).UploadAsync(host.UploadAddress("u"), source, null, Cancel);
        await _clients.With(options).DownloadAsync(host.ObjectAddress("o"), _scratch.PathOf("target"), null, Cancel);
        await up;
        Stopwatch.GetElapsedTime(start).TotalSeconds.ShouldBeGreaterThan((2.0 * Length / Rate) - 0.26);
        (await File.ReadAllBytesAsync(_scratch.PathOf("target"), Cancel)).ShouldBeBytes(bytes);
        (await File.ReadAllBytesAsync(host.UploadPath("u"), Cancel)).ShouldBeBytes(bytes);
    }

    [Fact]
    public void A_limit_below_what_the_progress_rules_ask_for_is_refused_since_nothing_would_ever_arrive() =>
        Should.Throw<ArgumentOutOfRangeException>(() => new RateLimit(RateLimit.BytesPerSecondMin - 1, TimeProvider.System));

    public void Dispose()
    {
        _clients.Dispose();
        _scratch.Dispose();
    }
}
