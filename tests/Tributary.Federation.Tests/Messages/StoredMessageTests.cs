using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Messages;

/// <summary>A message that no filter changes is read from where its tensors lie; if a byte of it were another, every site would refuse it.</summary>
public sealed class StoredMessageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("fp32", "F32")]
    [InlineData("bf16", "BF16")]
    [InlineData("fp16", "F16")]
    public void Any_run_of_its_bytes_is_what_writing_it_would_give(string precision, string dtype)
    {
        using Checkpoint model = Shards(DTypes.TryParse(dtype, out DType type) ? type : throw new ArgumentException(dtype));
        using var message = new QuantizedSource(new CastSource(model, DType.F32), Precision.Parse(precision));
        message.IsStored.ShouldBeTrue();
        SafetensorsWriter plan = MessageFile.Plan(message);
        using var written = new MemoryStream();
        plan.WriteTo(written.Write, Cancel);
        byte[] all = written.ToArray();
        all.Length.ShouldBe((int)plan.Header.FileLength);

        var random = new Random(1);
        long[] starts = [0, plan.Header.Bytes.Length - 1, .. plan.TensorEnds.SelectMany(end => new[] { end - 1, end }), .. Enumerable.Range(0, 50).Select(_ => random.NextInt64(all.Length))];
        foreach (long start in starts.Where(start => start < all.Length))
        {
            byte[] run = new byte[Math.Min(all.Length - start, random.Next(1, 300_000))];
            plan.Read(start, run);
            run.AsSpan().SequenceEqual(all.AsSpan((int)start, run.Length)).ShouldBeTrue($"{run.Length} bytes at {start}");
        }

        Should.Throw<ArgumentOutOfRangeException>(() => plan.Read(all.Length, new byte[1]));
    }

    [Theory]
    [InlineData("nf4", "F32")]
    [InlineData("bf16", "F32")]
    [InlineData("fp32", "BF16")]
    public void What_has_to_be_computed_is_not_taken_for_it(string precision, string dtype)
    {
        using Checkpoint model = Shards(DTypes.TryParse(dtype, out DType type) ? type : throw new ArgumentException(dtype));
        using var message = new QuantizedSource(new CastSource(model, DType.F32), Precision.Parse(precision));
        message.IsStored.ShouldBeFalse();
        Should.Throw<InvalidOperationException>(() => MessageFile.Plan(message).Read(0, new byte[8]));
    }

    [Fact]
    public void A_value_that_is_not_finite_is_refused_here_too()
    {
        using var values = new MemorySource(MemorySource.F32("w", [3], 1, float.NaN, 2));
        CheckpointWriter.Write(values, _folder["bad"], cancellationToken: Cancel);
        using Checkpoint model = Checkpoint.Open(_folder["bad"]);
        using var message = new QuantizedSource(model, Precision.Parse("fp32"));
        SafetensorsWriter plan = MessageFile.Plan(message);
        Should.Throw<TensorFormatException>(() => plan.Read(0, new byte[plan.Header.FileLength])).Message.ShouldContain("'w' is NaN at element 1");
    }

    [Fact]
    public void A_model_that_is_written_to_while_it_is_read_is_refused_by_name()
    {
        using Checkpoint model = Shards(DType.F32);
        SafetensorsWriter plan = MessageFile.Plan(model);
        plan.Read(0, new byte[100]);
        string shard = Directory.GetFiles(_folder["model"], "*.safetensors")[0];
        File.SetLastWriteTimeUtc(shard, File.GetLastWriteTimeUtc(shard).AddSeconds(1));
        Should.Throw<TensorFormatException>(() => plan.Read(0, new byte[plan.Header.FileLength])).Message.ShouldContain(shard);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Several files, several tiles, a tensor without elements, integers.</summary>
    private Checkpoint Shards(DType dtype)
    {
        using var model = new MemorySource(
            MemorySource.Gaussian("embed", dtype, [1025, 1024], 1),
            MemorySource.Gaussian("empty", dtype, [0, 3], 2),
            (new TensorSpec("steps", DType.I64, new TensorShape(2)), new byte[16]),
            MemorySource.Gaussian("w", dtype, [301, 7], 3),
            MemorySource.Gaussian("norm", dtype, [33], 4));
        CheckpointWriter.Write(model, _folder["model"], shardBytesMax: 3_000_000, cancellationToken: Cancel);
        return Checkpoint.Open(_folder["model"]);
    }
}
