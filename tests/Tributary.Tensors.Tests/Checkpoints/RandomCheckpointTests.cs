using System.Text.Json.Nodes;
using Tributary.TestKit;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Tests.Checkpoints;

public sealed class RandomCheckpointTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ModelArchitecture _architecture = ModelPreset.Find("llama-3.2-1b")!.Architecture.Scaled(0.003);
    private readonly RandomWeights _weights;

    public RandomCheckpointTests() => _weights = new RandomWeights(_architecture, DType.F32, seed: 1);

    public void Dispose()
    {
        _weights.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(147)]
    public void A_checkpoint_has_as_many_shards_as_asked_for_and_the_same_tensors(int shards)
    {
        Write(_weights, ShardPlan.ByCount(_weights.Manifest, shards));
        Directory.GetFiles(_folder["m"], "*.safetensors").Length.ShouldBe(shards);
        using Checkpoint checkpoint = Checkpoint.Open(_folder["m"]);
        checkpoint.Manifest.Count.ShouldBe(147);
        foreach (string name in checkpoint.Manifest.Select(entry => entry.Spec.Name).Where((_, i) => i % 20 == 0))
        {
            checkpoint.ReadTensor(name).AsSpan().SequenceEqual(_weights.ReadTensor(name)).ShouldBeTrue(name);
        }
    }

    [Fact]
    public void Shards_are_of_about_the_same_size()
    {
        TensorManifest manifest = ModelPreset.Find("llama-3.1-8b")!.Manifest;
        long[] sizes = [.. ShardPlan.ByCount(manifest, 8).Select(shard => shard.Sum(tensor => manifest[tensor].ByteLength))];
        sizes.Sum().ShouldBe(manifest.ByteLength);
        (sizes.Max() / (double)sizes.Min()).ShouldBeLessThan(1.2);
        ShardPlan.ByCount(manifest, 3).SelectMany(shard => shard).ShouldBe(Enumerable.Range(0, manifest.Count));
        Should.Throw<ArgumentOutOfRangeException>(() => ShardPlan.ByCount(manifest, 0));
        Should.Throw<ArgumentOutOfRangeException>(() => ShardPlan.ByCount(manifest, manifest.Count + 1));
    }

    [Fact]
    public void The_config_says_the_shapes_that_the_tensors_have()
    {
        Write(_weights, ShardPlan.ByCount(_weights.Manifest, 1));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder["m"], "config.json")))!;
        using Checkpoint checkpoint = Checkpoint.Open(_folder["m"]);
        TensorShape embedding = checkpoint.Manifest[checkpoint.Manifest.IndexOf("model.embed_tokens.weight")].Spec.Shape;
        embedding.ShouldBe(new TensorShape(config["vocab_size"]!.GetValue<long>(), config["hidden_size"]!.GetValue<long>()));
        config["eos_token_id"].ShouldBeNull("the vocabulary is too small for the real one's");
    }

    [Fact]
    public void A_folder_that_holds_something_is_left_alone()
    {
        Directory.CreateDirectory(_folder["m"]);
        File.WriteAllText(Path.Combine(_folder["m"], "notes.txt"), "mine");
        Should.Throw<IOException>(() => Write(_weights, ShardPlan.ByCount(_weights.Manifest, 1))).Message.ShouldContain("not empty");
        Directory.GetFiles(_folder["m"]).ShouldBe([Path.Combine(_folder["m"], "notes.txt")]);
    }

    [Fact]
    public void An_empty_folder_is_taken()
    {
        Directory.CreateDirectory(_folder["m"]);
        Write(_weights, ShardPlan.ByCount(_weights.Manifest, 1));
        using Checkpoint checkpoint = Checkpoint.Open(_folder["m"]);
        checkpoint.Manifest.Count.ShouldBe(147);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void What_was_cancelled_leaves_nothing(int shards, bool folderWasThere)
    {
        if (folderWasThere)
        {
            Directory.CreateDirectory(_folder["m"]);
        }

        using var cancel = new CancellationTokenSource();
        using var watched = new WatchedSource(_weights, new CancelAfter(_weights.Manifest.ByteLength / 2, cancel));
        Should.Throw<OperationCanceledException>(
            () => RandomCheckpoint.Write(watched, _architecture.Config(DType.F32), _folder["m"], ShardPlan.ByCount(_weights.Manifest, shards), cancel.Token));
        Directory.Exists(_folder["m"]).ShouldBe(folderWasThere);
        Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Length.ShouldBe(folderWasThere ? 1 : 0);
    }

    [Fact]
    public void A_disk_with_too_little_room_is_found_before_the_work_and_said_with_both_figures()
    {
        string message = Should.Throw<IOException>(() => DiskSpace.Require(_folder["not/there/yet"], 1L << 60)).Message;
        message.ShouldContain("1,099,511,627,776 MiB are needed");
        message.ShouldContain("MiB are free");
        DiskSpace.Require(_folder["not/there/yet"], 1);
    }

    private void Write(TensorSource weights, IReadOnlyList<IReadOnlyList<int>> shards) =>
        RandomCheckpoint.Write(weights, _architecture.Config(DType.F32), _folder["m"], shards, TestContext.Current.CancellationToken);

    private sealed class CancelAfter(long bytes, CancellationTokenSource cancel) : IProgress<long>
    {
        public void Report(long value)
        {
            if (value >= bytes)
            {
                cancel.Cancel();
            }
        }
    }
}
