using System.Net;
using Tributary.TestKit;

namespace Tributary.Transport.Tests.Staging;

/// <summary>A disk that fills up. Who loses: a site whose half message would be taken for a whole one, or who is not told what to do.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int DiskBytes = 2 << 20;
    private const int PartBytes = PartLayout.PartBytesMin;

    // So many parts that their record needs more than the page that it begins with.
    private const int Length = 400 * PartBytes;

    private readonly SmallDisk? _disk = SmallDisk.TryMount(DiskBytes);
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private SmallDisk Disk
    {
        get
        {
            Assert.SkipWhen(_disk is null, "mounting a small disk is not allowed here");
            return _disk;
        }
    }

    [Fact]
    public void A_file_that_the_disk_has_no_room_for_is_refused_at_once_with_folder_and_bytes_and_leaves_nothing()
    {
        DiskFullException e = Should.Throw<DiskFullException>(() => StagedFile.Create(Disk["f"], DiskBytes + 1));
        e.Message.ShouldBe($"{Disk.Path}: the disk is full: f needs {DiskBytes + 1} bytes, {DiskBytes} are free; make room there and begin again");
        (e.BytesNeeded, e.BytesFree).ShouldBe((DiskBytes + 1, DiskBytes));
        Directory.GetFiles(Disk.Path).ShouldBeEmpty();
    }

    [Fact]
    public void Room_that_was_set_aside_for_a_file_stays_its_own_when_others_fill_the_disk()
    {
        byte[] bytes = Scratch.Bytes(DiskBytes / 2);
        using (var file = StagedFile.Create(Disk["f"], bytes.Length))
        {
            Disk.Fill();
            Disk.FreeBytes.ShouldBe(0);
            file.Write(bytes);
            file.Complete();
        }

        File.ReadAllBytes(Disk["f"]).ShouldBeBytes(bytes);
    }

    [Fact]
    public async Task An_upload_that_the_disk_has_no_room_for_leaves_nothing_and_a_smaller_one_is_taken()
    {
        var large = new PartLayout(DiskBytes + 1, PartBytes);
        (await Should.ThrowAsync<DiskFullException>(() => ObjectUpload.OpenAsync("u", Disk["u"], large, Cancel))).BytesNeeded.ShouldBe(DiskBytes + 1);
        Directory.GetFiles(Disk.Path).ShouldBeEmpty();
        Disk.Fill();
        await Should.ThrowAsync<DiskFullException>(() => ObjectUpload.OpenAsync("u", Disk["u"], new PartLayout(0, PartBytes), Cancel));
        Directory.GetFiles(Disk.Path).ShouldBe([Disk["filler"]]);
        Disk.MakeRoom();
        using ObjectUpload upload = await ObjectUpload.OpenAsync("u", Disk["u"], new PartLayout(Length, PartBytes), Cancel);
        upload.Missing().ShouldBe([(0, 399)]);
    }

    [Fact]
    public async Task An_upload_whose_record_finds_the_disk_full_keeps_what_it_has_and_goes_on_when_there_is_room()
    {
        byte[] bytes = Scratch.Bytes(Length);
        var layout = new PartLayout(Length, PartBytes);
        var descriptor = new ObjectDescriptor("u", layout, [.. bytes.Chunk(PartBytes).Select(part => PartChecksum.Of(part))]);
        await using TransportHost host = await TransportHost.StartAsync(Disk.Path);
        await host.BeginUploadAsync("u", layout);
        using var http = new HttpClient();
        Disk.Fill();
        int taken = 0;
        while (await PutAsync(http, host, bytes, taken) == HttpStatusCode.NoContent)
        {
            taken++;
        }

        taken.ShouldBeInRange(1, 200);
        File.Exists(host.UploadPath("u")).ShouldBeFalse();
        (await host.BeginUploadAsync("u", layout)).Missing().ShouldBe([(taken, 399)]);
        Disk.MakeRoom();
        for (int part = taken; part < layout.Count; part++)
        {
            (await PutAsync(http, host, bytes, part)).ShouldBe(HttpStatusCode.NoContent);
        }

        using var content = new ByteArrayContent(descriptor.ToJson());
        using HttpResponseMessage commit = await http.PostAsync(new Uri(host.Address, "/uploads/u/commit"), content, Cancel);
        commit.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await File.ReadAllBytesAsync(host.UploadPath("u"), Cancel)).ShouldBeBytes(bytes);
    }

    [Fact]
    public async Task A_download_that_the_disk_has_no_room_for_is_refused_before_a_byte_is_fetched()
    {
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        await host.PublishAsync("o", _scratch.WriteRandom("o", DiskBytes + 1), PartBytes);
        using var clients = new Clients();
        TransferException e = await Should.ThrowAsync<TransferException>(clients.With().DownloadAsync(host.ObjectAddress("o"), Disk["f"], null, Cancel));
        e.Failure.ShouldBe(TransferFailure.LocalFile);
        e.Message.ShouldContain($"{Disk.Path}: the disk is full: f needs {DiskBytes + 1} bytes, ");
        e.Progress.BytesOnWire.ShouldBe(0);
        Directory.GetFiles(Disk.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_download_that_finds_the_disk_full_on_its_way_goes_on_from_there_when_there_is_room()
    {
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        byte[] bytes = Scratch.Bytes(Length);
        await host.PublishAsync("o", _scratch.Write("o", bytes), PartBytes);
        using var clients = new Clients();
        bool full = false;
        var fill = new OnProgress(_ =>
        {
            if (!Interlocked.Exchange(ref full, true))
            {
                Disk.Fill();
            }
        });
        TransferException e = await Should.ThrowAsync<TransferException>(
            clients.With().DownloadAsync(host.ObjectAddress("o"), Disk["f"], new DownloadRequest { Progress = fill }, Cancel));
        e.Failure.ShouldBe(TransferFailure.LocalFile);
        e.Message.ShouldContain($"{Disk.Path}: the disk is full: f.parts cannot grow, 0 are free");
        File.Exists(Disk["f"]).ShouldBeFalse();
        Disk.MakeRoom();
        TransferResult result = await clients.With().DownloadAsync(host.ObjectAddress("o"), Disk["f"], null, Cancel);
        result.PartsMoved.ShouldBeInRange(200, 399);
        (await File.ReadAllBytesAsync(Disk["f"], Cancel)).ShouldBeBytes(bytes);
        Directory.GetFiles(Disk.Path).ShouldBe([Disk["f"], Disk["f.parts"]], ignoreOrder: true);
    }

    [Fact]
    public async Task An_object_longer_than_is_taken_is_refused_before_a_file_is_made()
    {
        await using TransportHost host = await TransportHost.StartAsync(_scratch.Folder);
        await host.PublishAsync("o", _scratch.WriteRandom("o", 5000), PartBytes);
        using var clients = new Clients();
        TransferException e = await Should.ThrowAsync<TransferException>(
            clients.With().DownloadAsync(host.ObjectAddress("o"), _scratch.PathOf("f"), new DownloadRequest { LengthMax = 4999 }, Cancel));
        e.Failure.ShouldBe(TransferFailure.Refused);
        e.Message.ShouldContain("the object has 5000 bytes, and at most 4999 are taken here");
        Directory.GetFiles(_scratch.Folder, "f*").ShouldBeEmpty();
    }

    public void Dispose()
    {
        _disk?.Dispose();
        _scratch.Dispose();
    }

    private static async Task<HttpStatusCode> PutAsync(HttpClient http, TransportHost host, byte[] bytes, int part)
    {
        byte[] content = bytes.AsSpan(part * PartBytes, PartBytes).ToArray();
        using var put = new HttpRequestMessage(HttpMethod.Put, new Uri(host.Address, $"/uploads/u/parts/{part}")) { Content = new ByteArrayContent(content) };
        put.Content.Headers.Add("Content-Digest", DigestField.Format(PartChecksum.Of(content)));
        using HttpResponseMessage response = await http.SendAsync(put, Cancel);
        return response.StatusCode;
    }
}
