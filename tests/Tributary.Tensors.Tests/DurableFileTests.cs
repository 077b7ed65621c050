using Tributary.TestKit;

namespace Tributary.Tensors.Tests;

/// <summary>A global model that stands under its name is whole, however large: what has reached the disk early is no less part of it.</summary>
public sealed class DurableFileTests : IDisposable
{
    // Twice flushed while it is written, and with a rest.
    private const int Blocks = 35;

    private readonly TempFolder _folder = new();
    private readonly byte[] _block = new byte[4 << 20];

    public DurableFileTests() => new Random(1).NextBytes(_block);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_of_many_stretches_has_all_its_bytes()
    {
        string path = _folder["large"];
        DurableFile.Write(path, (long)Blocks * _block.Length, WriteBlocks);
        Directory.GetFiles(_folder.Path).ShouldBe([path]);
        using FileStream file = File.OpenRead(path);
        file.Length.ShouldBe((long)Blocks * _block.Length);
        byte[] read = new byte[_block.Length];
        for (int i = 0; i < Blocks; i++)
        {
            file.ReadExactly(read);
            read.AsSpan().SequenceEqual(_block).ShouldBeTrue($"block {i}");
        }
    }

    [Fact]
    public void A_writer_that_fails_while_stretches_go_to_the_disk_leaves_the_file_of_before()
    {
        string path = _folder["model"];
        File.WriteAllText(path, "before");
        Should.Throw<TensorFormatException>(() => DurableFile.Write(path, 0, stream =>
        {
            WriteBlocks(stream);
            throw new TensorFormatException("not finite");
        })).Message.ShouldBe("not finite");
        Directory.GetFiles(_folder.Path).ShouldBe([path]);
        File.ReadAllText(path).ShouldBe("before");
    }

    private void WriteBlocks(Stream stream)
    {
        for (int i = 0; i < Blocks; i++)
        {
            stream.Write(_block);
        }
    }
}
