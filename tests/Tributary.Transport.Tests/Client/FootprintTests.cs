using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Tributary.Transport.Tests.Client;

[Collection(Alone.Name)]
public sealed class FootprintTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_object_of_256_MiB_goes_up_and_down_without_the_process_growing_by_64()
    {
        const long Small = 32 << 20;
        const long Large = 256 << 20;
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);

        // Once with less, so that code is compiled and pools are filled as they will be.
        await UpAndDownAsync(host, "small", Small, null);
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        long before = Environment.WorkingSet;
        long peak = 0;
        await UpAndDownAsync(host, "large", Large, new OnProgress(_ => InterlockedMax(ref peak, Environment.WorkingSet)));
        peak.ShouldBeGreaterThan(0);
        (peak - before).ShouldBeLessThan(64L << 20);
    }

    [Fact]
    public async Task The_bytes_that_move_are_counted_for_both_halves_and_directions()
    {
        var counted = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, it) =>
        {
            if (instrument.Meter.Name == TransportMetrics.MeterName)
            {
                (instrument.Name, instrument.Unit).ShouldBe(("tributary.transport.bytes", "By"));
                it.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, bytes, tags, _) =>
            counted.AddOrUpdate(string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}")), bytes, (_, sum) => sum + bytes));
        listener.Start();
        await using (TransportHost host = await TransportHost.StartAsync(_scratch.Folder))
        {
            await UpAndDownAsync(host, "o", 300_000, null);
        }

        counted.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}: {pair.Value}").ShouldBe([
            "direction=down half=client: 300000",
            "direction=down half=server: 300000",
            "direction=up half=client: 300000",
            "direction=up half=server: 300000",
        ]);
    }

    public void Dispose()
    {
        _clients.Dispose();
        _scratch.Dispose();
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (long seen = Interlocked.Read(ref target); value > seen;)
        {
            seen = Interlocked.CompareExchange(ref target, value, seen);
        }
    }

    private async Task UpAndDownAsync(TransportHost host, string name, long length, IProgress<TransferProgress>? progress)
    {
        string path = _scratch.WriteRandom(name, length);
        await host.BeginUploadAsync(name, new PartLayout(length));
        using var source = ByteSource.FromFile(path);
        TransferResult up = await _clients.With().UploadAsync(host.UploadAddress(name), source, progress, Cancel);
        host.Publish(name, ServedObject.FromFile(host.UploadPath(name), up.Descriptor));
        var request = new DownloadRequest { Digest = up.Descriptor.Digest, Progress = progress };
        await _clients.With().DownloadAsync(host.ObjectAddress(name), path + ".down", request, Cancel);
    }
}
