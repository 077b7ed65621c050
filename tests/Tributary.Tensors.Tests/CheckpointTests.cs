using Tributary.TestKit;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Tensors.Tests;

public sealed class CheckpointTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly MemorySource _weights = new(
        MemorySource.Gaussian("a", DType.F32, [100], 1),
        MemorySource.Gaussian("b", DType.BF16, [50, 3], 2),
        MemorySource.Gaussian("c", DType.F32, [7], 3));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(10_000, new[] { "model.safetensors" })]
    [InlineData(500, new[] { "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json" })]
    [InlineData(1, new[] { "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json" })]
    public void A_checkpoint_reads_the_same_from_one_file_and_from_shards(long shardBytesMax, string[] files)
    {
        CheckpointWriter.Write(_weights, _folder.Path, shardBytesMax, TestContext.Current.CancellationToken);
        Directory.GetFiles(_folder.Path).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal).ShouldBe(files);
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Path);
        checkpoint.Manifest.Count.ShouldBe(3);
        foreach (TensorEntry entry in _weights.Manifest)
        {
            checkpoint.ReadTensor(entry.Spec.Name).ShouldBe(_weights.ReadTensor(entry.Spec.Name));
        }
    }

    [Fact]
    public void A_digest_says_whether_two_folders_hold_the_same_weights_however_they_lie_there()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string expected = CheckpointDigest.Of(_weights, cancel);
        expected.ShouldMatch("^sha256:[0-9a-f]{64}$");
        CheckpointWriter.Write(_weights, _folder["shards"], 1, cancel);
        using (Checkpoint shards = Checkpoint.Open(_folder["shards"]))
        {
            CheckpointDigest.Of(shards, cancel).ShouldBe(expected);
        }

        using var turned = new SelectedTensors(_weights, [2, 0, 1]);
        CheckpointDigest.Of(turned, cancel).ShouldBe(expected);
        using var fewer = new SelectedTensors(_weights, [0, 1]);
        CheckpointDigest.Of(fewer, cancel).ShouldNotBe(expected);
        CheckpointDigest.Of(new CastSource(_weights, DType.F32), cancel).ShouldNotBe(expected);
        var other = new MemorySource(
            MemorySource.Gaussian("a", DType.F32, [100], 1), MemorySource.Gaussian("b", DType.BF16, [50, 3], 2), MemorySource.Gaussian("c", DType.F32, [7], 4));
        CheckpointDigest.Of(other, cancel).ShouldNotBe(expected);
    }

    [Fact]
    public void A_folder_without_weights_says_what_was_looked_for() =>
        Should.Throw<FileNotFoundException>(() => Checkpoint.Open(_folder.Path)).Message.ShouldContain("model.safetensors.index.json");

    [Fact]
    public void A_missing_shard_is_named()
    {
        CheckpointWriter.Write(_weights, _folder.Path, 500, TestContext.Current.CancellationToken);
        File.Delete(_folder["model-00002-of-00002.safetensors"]);
        Should.Throw<TensorFormatException>(() => Checkpoint.Open(_folder.Path)).Message.ShouldContain("model-00002-of-00002.safetensors");
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../a.safetensors"}}""", "not a plain file name")]
    [InlineData("""{"weight_map":{"a":"model-00001-of-00002.safetensors"}}""", "tensor 'b'")]
    [InlineData("""{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","z":"model-00001-of-00002.safetensors"}}""", "'z'")]
    [InlineData("""{"weights":{}}""", "weight_map")]
    [InlineData("""{""", "weight_map")]
    public void An_index_that_disagrees_with_its_shards_is_refused(string index, string says)
    {
        CheckpointWriter.Write(_weights, _folder.Path, 700, TestContext.Current.CancellationToken);
        File.WriteAllText(_folder[Checkpoint.IndexName], index);
        Should.Throw<TensorFormatException>(() => Checkpoint.Open(_folder.Path)).Message.ShouldContain(says);
    }
}
