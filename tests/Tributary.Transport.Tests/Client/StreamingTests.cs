using Tributary.Transport.Tests.Staging;

namespace Tributary.Transport.Tests.Client;

[Collection(Alone.Name)]
public sealed class StreamingTests : IDisposable
{
    private const int PartBytes = 64 << 10;
    private const int Length = (20 * PartBytes) + 333;

    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();
    private readonly byte[] _bytes = Scratch.Bytes(Length);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Streamings => StagedFileTests.Streamings;

    [Theory]
    [MemberData(nameof(Streamings))]
    public async Task A_download_gives_the_same_bytes_with_every_streaming(string streaming)
    {
        long held = ChunkStore.HeldBytes;
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        await host.PublishAsync("o", _scratch.Write("source", _bytes), PartBytes);
        var request = new DownloadRequest
        {
            UnitEnds = StagedFileTests.UnitEnds(streaming, Length),
        };
        await _clients.With().DownloadAsync(host.ObjectAddress("o"), _scratch.PathOf("target"), request, Cancel);
        (await File.ReadAllBytesAsync(_scratch.PathOf("target"), Cancel)).ShouldBeBytes(_bytes);
        ChunkStore.HeldBytes.ShouldBe(held);
    }

    [Theory]
    [MemberData(nameof(Streamings))]
    public async Task A_source_that_is_still_being_written_arrives_with_every_streaming(string streaming)
    {
        long[]? unitEnds = StagedFileTests.UnitEnds(streaming, Length);
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        await host.BeginUploadAsync("u", new PartLayout(Length, PartBytes));
        using var source = StagedFile.Create(_scratch.PathOf("encoded"), Length, unitEnds);
        var early = new TaskCompletionSource<long>();
        var progress = new OnProgress(value =>
        {
            if (value.BytesDone >= 5 * PartBytes)
            {
                early.TrySetResult(value.BytesDone);
            }
        });
        Task<TransferResult> upload = _clients.With().UploadAsync(host.UploadAddress("u"), source, progress, Cancel);
        int half = (Length / 2) + 1;
        source.Write(_bytes.AsSpan(0, half));
        if (streaming != "regular")
        {
            // Parts go out while the encoder has not written the later ones.
            (await early.Task.WaitAsync(Cancel)).ShouldBeLessThanOrEqualTo(half);
        }

        early.Task.IsCompleted.ShouldBe(streaming != "regular");
        source.Write(_bytes.AsSpan(half));
        TransferResult result = await upload;
        source.Complete();
        (await File.ReadAllBytesAsync(host.UploadPath("u"), Cancel)).ShouldBeBytes(_bytes);
        (result.BytesOnWire, result.PartsMoved).ShouldBe((Length, 21));
    }

    [Fact]
    public async Task An_encoder_that_fails_ends_the_upload_with_its_reason()
    {
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        await host.BeginUploadAsync("u", new PartLayout(Length, PartBytes));
        using var source = StagedFile.Create(_scratch.PathOf("encoded"), Length);
        Task<TransferResult> upload = _clients.With().UploadAsync(host.UploadAddress("u"), source, null, Cancel);
        source.Write(_bytes.AsSpan(0, PartBytes * 3));
        source.Fail(new InvalidDataException("tensor lm_head is not finite"));
        TransferException e = await Should.ThrowAsync<TransferException>(upload);
        e.Failure.ShouldBe(TransferFailure.LocalFile);
        e.Message.ShouldContain("tensor lm_head is not finite");
    }

    public void Dispose()
    {
        _clients.Dispose();
        _scratch.Dispose();
    }
}
