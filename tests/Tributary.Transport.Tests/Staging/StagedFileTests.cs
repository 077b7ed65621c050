namespace Tributary.Transport.Tests.Staging;

[Collection(Alone.Name)]
public sealed class StagedFileTests : IDisposable
{
    private const int Length = (3 << 20) + 777;

    private readonly Scratch _scratch = new();
    private readonly byte[] _bytes = Scratch.Bytes(Length);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Streamings => ["regular", "container", "file"];

    public static long[]? UnitEnds(string streaming, long length) => streaming switch
    {
        "regular" => [length],
        "container" => [0, 100, 100, 5000, length / 2, length - 1, length],
        _ => null,
    };

    [Theory]
    [MemberData(nameof(Streamings))]
    public void An_encoder_gets_the_same_file_with_every_streaming(string streaming)
    {
        long held = ChunkStore.HeldBytes;
        using (var file = StagedFile.Create(_scratch.PathOf("f"), Length, UnitEnds(streaming, Length)))
        {
            for (int at = 0; at < Length; at += 4321)
            {
                file.Write(_bytes.AsSpan(at, Math.Min(4321, Length - at)));
            }

            File.Exists(_scratch.PathOf("f")).ShouldBeFalse();
            file.Complete();
            byte[] read = new byte[Length];
            file.Read(0, read);
            read.ShouldBeBytes(_bytes);
        }

        File.ReadAllBytes(_scratch.PathOf("f")).ShouldBeBytes(_bytes);
        File.Exists(_scratch.PathOf("f.partial")).ShouldBeFalse();
        ChunkStore.HeldBytes.ShouldBe(held);
    }

    [Theory]
    [MemberData(nameof(Streamings))]
    public void Parts_in_any_order_from_several_threads_give_the_same_file(string streaming)
    {
        long held = ChunkStore.HeldBytes;
        using (var file = StagedFile.Create(_scratch.PathOf("f"), Length, UnitEnds(streaming, Length)))
        {
            int[] offsets = [.. Enumerable.Range(0, (Length + 9999) / 10000).Select(part => part * 10000)];
            new Random(7).Shuffle(offsets);
            Parallel.ForEach(offsets, offset =>
            {
                int count = Math.Min(10000, Length - offset);

                // What was written wrongly and never marked is simply written again.
                file.WriteAt(offset, new byte[count]);
                file.WriteAt(offset, _bytes.AsSpan(offset, count));
                file.MarkWritten(offset, count);
            });
            ChunkStore.HeldBytes.ShouldBe(held);
            file.Complete();
        }

        File.ReadAllBytes(_scratch.PathOf("f")).ShouldBeBytes(_bytes);
    }

    [Fact]
    public async Task Readers_see_a_unit_when_all_of_it_is_there_and_not_before()
    {
        using var file = StagedFile.Create(_scratch.PathOf("f"), 3000, [1000, 3000]);
        Task first = file.WaitForAsync(1, Cancel).AsTask();
        Task all = file.WaitForAsync(3000, Cancel).AsTask();
        file.Write(_bytes.AsSpan(0, 999));
        first.IsCompleted.ShouldBeFalse();
        Should.Throw<IOException>(() => file.Read(0, new byte[1])).Message.ShouldContain("not there yet");
        file.Write(_bytes.AsSpan(999, 2));
        await first;
        file.Read(0, new byte[1000]);
        file.IsVisible(0, 1001).ShouldBeFalse();
        all.IsCompleted.ShouldBeFalse();
        file.Write(_bytes.AsSpan(1001, 1999));
        await all;
    }

    [Fact]
    public async Task Whoever_waits_learns_that_the_writer_failed()
    {
        using var file = StagedFile.Create(_scratch.PathOf("f"), 3000);
        Task waiting = file.WaitForAsync(1, Cancel).AsTask();
        file.Fail(new InvalidOperationException("tensor wte has a NaN"));
        (await Should.ThrowAsync<IOException>(waiting)).Message.ShouldContain("tensor wte has a NaN");
        (await Should.ThrowAsync<IOException>(async () => await file.WaitForAsync(3000, Cancel)))
            .Message.ShouldContain("f will not be completed");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_that_is_given_up_leaves_what_the_caller_chose_and_never_the_final_name(bool keep)
    {
        Task waiting;
        using (var file = StagedFile.Create(_scratch.PathOf("f"), 3000, keepPartial: keep))
        {
            file.Write(_bytes.AsSpan(0, 2999));
            waiting = file.WaitForAsync(3000, Cancel).AsTask();
            Should.Throw<InvalidOperationException>(file.Complete).Message.ShouldContain("bytes 2999 to 3000 are missing");
        }

        await Should.ThrowAsync<IOException>(waiting);
        File.Exists(_scratch.PathOf("f")).ShouldBeFalse();
        File.Exists(_scratch.PathOf("f.partial")).ShouldBe(keep);
    }

    [Fact]
    public void What_an_earlier_attempt_left_is_taken_over_and_memory_holds_only_the_rest()
    {
        using (var file = StagedFile.Create(_scratch.PathOf("f"), 3000, keepPartial: true))
        {
            file.Write(_bytes.AsSpan(0, 1500));
        }

        using (var file = StagedFile.Resume(_scratch.PathOf("f"), 3000, [1000, 3000]))
        {
            file.Resumed.ShouldBeTrue();
            file.MarkResumed(0, 1500);
            file.WriteAt(1500, _bytes.AsSpan(1500, 1500));
            file.MarkWritten(1500, 1500);
            file.Complete();
        }

        File.ReadAllBytes(_scratch.PathOf("f")).ShouldBeBytes(_bytes[..3000]);
    }

    [Fact]
    public void Bytes_beyond_the_promised_length_and_impossible_units_are_refused()
    {
        using var file = StagedFile.Create(_scratch.PathOf("f"), 10);
        file.Write(new byte[6]);
        Should.Throw<ArgumentException>(() => file.Write(new byte[5])).Message.ShouldContain("no room for 5 at 6");
        Should.Throw<ArgumentException>(() => StagedFile.Create(_scratch.PathOf("g"), 10, [5, 4])).Message.ShouldContain("cannot end at 4");
        Should.Throw<ArgumentException>(() => StagedFile.Create(_scratch.PathOf("g"), 10, [11])).Message.ShouldContain("cannot end at 11");
    }

    public void Dispose() => _scratch.Dispose();
}
