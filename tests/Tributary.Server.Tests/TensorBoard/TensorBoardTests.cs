using System.Buffers.Binary;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Server.TensorBoard;
using Tributary.TestKit;

namespace Tributary.Server.Tests.TensorBoard;

/// <summary>TensorBoard stops without a word at the first record that it cannot read: a byte that is wrong loses the rest of a curve.</summary>
public sealed class TensorBoardTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    private string Global => _folder["global/events.out.tfevents.tributary"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_bytes_are_those_of_another_writer_of_the_format()
    {
        // Made with Python from the format's description, at 2025-01-01 00:00 UTC.
        const string Golden = "1800000000000000a37f4b22090000006021ddd9411a0d627261696e2e4576656e743a32679874db"
            + "2400000000000000422b804d090000006021ddd94110ac022a160a140a0d6c6f73732f68656c645f6f757415000020401a3dec4c";
        Write(new LossKnown(300, 2.5));
        Convert.ToHexStringLower(File.ReadAllBytes(Global)).ShouldBe(Golden);
    }

    [Fact]
    public void Sites_are_runs_of_their_own_with_the_curves_that_belong_over_each_other()
    {
        var metrics = new Dictionary<string, double>(StringComparer.Ordinal) { [MetricNames.ReceivedLoss] = 3, [MetricNames.BytesUp] = 839_000, [MetricNames.TrainSeconds] = 1.5, ["accuracy"] = 0.75 };
        Write(
            new StepOpened(1, TaskNames.Train, 1000),
            new ResultCounted(1, "clinic", 839_000, metrics),
            new ResultCounted(1, "bank", 839_000, metrics),
            new SiteProgressed(1, "bank", new TaskProgress(TaskPhase.Training, 1, 2)),
            new MergeStarted(1),
            new ModelSaved(1));
        Scalars(Global).ShouldBe([("bytes/message", 1, 1000f), ("seconds/merge", 1, 0f)]);
        foreach (string site in new[] { "clinic", "bank" })
        {
            Scalars(_folder[$"sites/{site}/events.out.tfevents.tributary"])
                .ShouldBe([("figures/accuracy", 1, 0.75f), ("bytes/up", 1, 839_000f), ("loss/received", 1, 3f), ("seconds/train", 1, 1.5f)]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(30)]
    public void A_job_that_goes_on_after_a_crash_goes_on_in_its_file_and_nothing_stands_there_twice(int torn)
    {
        Write(new LossKnown(0, 5), new LossKnown(1, 4));
        byte[] whole = File.ReadAllBytes(Global);
        Write(new LossKnown(2, 3));
        byte[] more = File.ReadAllBytes(Global);

        // Killed while it wrote the last record.
        File.WriteAllBytes(Global, more[..(whole.Length + torn)]);
        Write(new LossKnown(1, 4), new LossKnown(2, 3), new LossKnown(3, 2));
        Scalars(Global).ShouldBe([("loss/held_out", 0, 5f), ("loss/held_out", 1, 4f), ("loss/held_out", 2, 3f), ("loss/held_out", 3, 2f)]);
        File.ReadAllBytes(Global)[..more.Length].ShouldBe(more);
    }

    [Fact]
    public async Task TensorBoard_reads_it_where_it_is_installed()
    {
        Write(new LossKnown(0, 5), new LossKnown(1, 4));
        ProgramResult read = await ExternalProgram.RunAsync("python3", _folder.Path, [], TestContext.Current.CancellationToken, "-c", """
            try:
                from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
            except ImportError:
                print("not installed")
            else:
                events = EventAccumulator("global").Reload()
                print([(event.step, event.value) for event in events.Scalars("loss/held_out")])
            """);
        read.Output.Trim().ShouldBeOneOf("[(0, 5.0), (1, 4.0)]", "not installed");
    }

    private void Write(params JobEvent[] events)
    {
        using var log = new TensorBoardLog(_folder.Path, _time);
        foreach (JobEvent happened in events)
        {
            log.Write(happened);
        }
    }

    private static List<(string Tag, long Step, float Value)> Scalars(string path)
    {
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path);
        var scalars = new List<(string, long, float)>();
        while (bytes.Length > 0)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            var record = new ProtobufFields(bytes.Slice(12, length));
            bytes = bytes[(12 + length + 4)..];
            if (record.Message(5)?.Message(1) is { } value)
            {
                scalars.Add((value.Text(1), (long)record.Number(2), BitConverter.UInt32BitsToSingle((uint)value.Number(2))));
            }
            else
            {
                record.Text(3).ShouldBe("brain.Event:2");
            }
        }

        return scalars;
    }
}
