using Tributary.Training.Memory;

namespace Tributary.Training.Tests.Memory;

/// <summary>Whoever trains on several cores relies on every row being done once, and on errors being told.</summary>
public sealed class WorkersTests
{
    [Theory]
    [InlineData(1, 10, 3)]
    [InlineData(3, 10, 3)]
    [InlineData(3, 100, 16)]
    [InlineData(4, 2, 1)]
    [InlineData(2, 0, 1)]
    public void Every_row_and_every_item_is_done_once_operation_after_operation(int threads, int rows, int grain)
    {
        using var workers = new Workers(threads);
        int[] done = new int[rows];
        for (int time = 0; time < 200; time++)
        {
            workers.Split(rows, grain, done, static (done, _, begin, end) =>
            {
                for (int row = begin; row < end; row++)
                {
                    Interlocked.Increment(ref done[row]);
                }
            });
            workers.ForEach(rows, done, static (done, _, item) => Interlocked.Increment(ref done[item]));
        }

        done.ShouldAllBe(times => times == 400);
    }

    [Fact]
    public void Each_share_has_scratch_memory_of_its_own()
    {
        using var workers = new Workers(3);
        var buffers = new FloatBuffer[3];
        workers.Split(3, 1, (workers, buffers), static (state, part, _, _) => state.buffers[part] = state.workers.Scratch(part, 100));
        buffers.Distinct().Count().ShouldBe(3);
        workers.Scratch(0, 50).ShouldBeSameAs(buffers[0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void An_error_in_any_thread_is_the_callers_and_the_next_operation_runs(int threads)
    {
        using var workers = new Workers(threads);
        for (int wrong = 0; wrong < 6; wrong++)
        {
            Should.Throw<InvalidOperationException>(() => workers.ForEach(6, wrong, static (wrong, _, item) =>
            {
                if (item == wrong)
                {
                    throw new InvalidOperationException("item");
                }
            })).Message.ShouldBe("item");
            int[] done = new int[6];
            workers.ForEach(6, done, static (done, _, item) => Interlocked.Increment(ref done[item]));
            done.ShouldAllBe(times => times == 1);
        }
    }

    [Fact]
    public void An_operation_that_ran_before_allocates_nothing_in_any_thread()
    {
        const int Threads = 3;
        using var workers = new Workers(Threads);
        long[] allocated = new long[Threads];
        long[] bytes = new long[2];
        for (int time = 0; time < 2; time++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                workers.Split(Threads, 1, allocated, static (_, _, _, _) => Thread.SpinWait(10));
                workers.ForEach(20, allocated, static (_, _, _) => Thread.SpinWait(10));
            }

            bytes[time] = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        bytes[1].ShouldBe(0);

        // Each thread's count, while it waits for the others to come, so that none takes two shares.
        int[] arrived = new int[1];
        int expected = 0;
        long[] Counts()
        {
            long[] counts = new long[Environment.ProcessorCount + 1024];
            expected += Threads;
            workers.Split(Threads, 1, (arrived, expected, counts), static (state, _, _, _) =>
            {
                Interlocked.Increment(ref state.arrived[0]);
                while (Volatile.Read(ref state.arrived[0]) < state.expected)
                {
                    Thread.Yield();
                }

                state.counts[Environment.CurrentManagedThreadId % state.counts.Length] = GC.GetAllocatedBytesForCurrentThread();
            });
            counts[Environment.CurrentManagedThreadId % counts.Length] = 0; // the caller's own, which the lists above and here are in
            return counts;
        }

        Counts();
        long[] first = Counts();
        for (int i = 0; i < 100; i++)
        {
            workers.Split(Threads, 1, allocated, static (_, _, _, _) => Thread.SpinWait(10));
        }

        Counts().ShouldBe(first);
    }
}
