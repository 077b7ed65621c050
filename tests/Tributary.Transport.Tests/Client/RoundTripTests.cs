namespace Tributary.Transport.Tests.Client;

public sealed class RoundTripTests : IDisposable
{
    private const int PartBytes = 64 << 10;

    private readonly Scratch _scratch = new();
    private readonly Clients _clients = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<long> Lengths => [0, 1, PartBytes - 1, PartBytes, PartBytes + 1, 7L * PartBytes, (9L * PartBytes) + 12345];

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task A_file_that_goes_up_and_comes_down_again_has_the_same_bytes(long length)
    {
        byte[] bytes = Scratch.Bytes(length);
        string path = _scratch.Write("source", bytes);
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        await host.BeginUploadAsync("u", new PartLayout(length, PartBytes));
        using var source = ByteSource.FromFile(path);

        TransferResult up = await _clients.With().UploadAsync(host.UploadAddress("u"), source, null, Cancel);
        (await File.ReadAllBytesAsync(host.UploadPath("u"), Cancel)).ShouldBeBytes(bytes);
        host.Publish("o", ServedObject.FromFile(host.UploadPath("u"), up.Descriptor));
        TransferResult down = await _clients.With().DownloadAsync(
            host.ObjectAddress("o"), _scratch.PathOf("target"), new DownloadRequest { Digest = up.Descriptor.Digest }, Cancel);

        (await File.ReadAllBytesAsync(_scratch.PathOf("target"), Cancel)).ShouldBeBytes(bytes);
        down.Descriptor.Digest.ShouldBe(up.Descriptor.Digest);
        (up.BytesOnWire, down.BytesOnWire).ShouldBe((length, length));
        File.Exists(_scratch.PathOf("target.partial")).ShouldBeFalse();
        host.Commits.ShouldHaveSingleItem().Digest.ShouldBe(up.Descriptor.Digest);
        host.Log.ShouldBeEmpty();
    }

    public void Dispose()
    {
        _clients.Dispose();
        _scratch.Dispose();
    }
}
