using System.Runtime.ExceptionServices;
using Tributary.Training.Operations;

namespace Tributary.Training.Memory;

/// <summary>
/// Splits an operation's work over threads. Each output element is computed wholly by one of them, in an order that does not
/// depend on their number, so the bytes do not either.
/// </summary>
/// <remarks>
/// One operation at a time: a <see cref="Workers"/> belongs to one training run. Its threads are started when they are first needed
/// and live as long as it does. What an operation works on is handed over as a state beside a static lambda, not captured: from the
/// second time on an operation allocates nothing.
/// </remarks>
internal sealed class Workers : IDisposable
{
    /// <summary>
    /// How often a thread that waits looks again before it sleeps: some 50 microseconds, more than lies between two operations of a
    /// step and about what waking up would cost.
    /// </summary>
    private const int Looks = 1000;

    private readonly FloatBuffer?[] _scratch;
    private readonly Dictionary<Type, Work> _works = [];
    private readonly SemaphoreSlim _start = new(0);
    private readonly SemaphoreSlim _done = new(0);
    private Thread[] _threads = [];
    private Work? _work;
    private FloatBuffer? _shared;
    private ExceptionDispatchInfo? _error;
    private int _nextPart;
    private int _remaining;

    /// <param name="threads">The number of threads, the calling one among them.</param>
    /// <param name="kernel">What computes products of matrices; if not said, OpenBLAS where the system has one that knows the processor.</param>
    public Workers(int threads, MatrixKernel? kernel = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Kernel = kernel ?? (OpenBlas.KnowsProcessor ? MatrixKernel.OpenBlas : MatrixKernel.Managed);
        Count = threads;
        _scratch = new FloatBuffer?[threads];
    }

    /// <summary>A contiguous share of the rows.</summary>
    /// <param name="state">What is worked on.</param>
    /// <param name="part">Which of the threads' shares this is: the key to its scratch memory.</param>
    /// <param name="begin">The first row.</param>
    /// <param name="end">The row after the last.</param>
    public delegate void Share<in TState>(TState state, int part, int begin, int end);

    /// <summary>One of several items.</summary>
    /// <param name="state">What is worked on.</param>
    /// <param name="part">Which thread this is: the key to its scratch memory.</param>
    /// <param name="item">The item, from 0.</param>
    public delegate void Item<in TState>(TState state, int part, int item);

    /// <summary>The number of threads.</summary>
    public int Count { get; }

    /// <summary>What computes products of matrices.</summary>
    public MatrixKernel Kernel { get; }

    /// <summary>Gives each thread one contiguous share of the rows, cut at multiples of <paramref name="grain"/>.</summary>
    public void Split<TState>(int rows, int grain, TState state, Share<TState> body)
    {
        int grains = (rows + grain - 1) / grain;
        int parts = Math.Min(Count, grains);
        if (parts <= 1)
        {
            body(state, 0, 0, rows);
            return;
        }

        Rows<TState> work = Find<Rows<TState>>();
        (work.State, work.Body, work.Count, work.Grain, work.Grains, work.Parts) = (state, body, rows, grain, grains, parts);
        Run(work, parts);
    }

    /// <summary>Hands out items one by one to whichever thread is free; for items that take unequal time.</summary>
    public void ForEach<TState>(int items, TState state, Item<TState> body)
    {
        Items<TState> work = Find<Items<TState>>();
        (work.State, work.Body, work.Count, work.Next) = (state, body, items, -1);
        int parts = Math.Min(Count, items);
        if (parts <= 1)
        {
            work.Do(0);
        }
        else
        {
            Run(work, parts);
        }
    }

    /// <summary>A thread's own memory: at least that many floats, contents unknown, kept for the next operation.</summary>
    public FloatBuffer Scratch(int part, long length) => Grown(ref _scratch[part], length);

    /// <summary>The same for all threads together.</summary>
    public FloatBuffer Shared(long length) => Grown(ref _shared, length);

    public void Dispose()
    {
        _work = null;
        if (_threads.Length > 0)
        {
            _start.Release(_threads.Length);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        foreach (FloatBuffer? buffer in _scratch)
        {
            buffer?.Dispose();
        }

        _shared?.Dispose();
        _start.Dispose();
        _done.Dispose();
    }

    private static FloatBuffer Grown(ref FloatBuffer? buffer, long length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            buffer = new FloatBuffer(length);
        }

        return buffer;
    }

    private TWork Find<TWork>()
        where TWork : Work, new()
    {
        if (!_works.TryGetValue(typeof(TWork), out Work? work))
        {
            _works.Add(typeof(TWork), work = new TWork());
        }

        return (TWork)work;
    }

    /// <summary>Does all parts, the first in the calling thread.</summary>
    private void Run(Work work, int parts)
    {
        if (_threads.Length == 0)
        {
            _threads = [.. Enumerable.Range(1, Count - 1).Select(number => new Thread(Serve) { IsBackground = true, Name = $"training {number}" })];
            Array.ForEach(_threads, thread => thread.Start());
        }

        (_work, _error, _nextPart, _remaining) = (work, null, 0, parts);
        _start.Release(parts - 1);
        DoPart(work, 0);
        for (int look = 0; look < Looks && Volatile.Read(ref _remaining) > 0; look++)
        {
            Thread.SpinWait(1);
        }

        _done.Wait();
        _error?.Throw();
    }

    /// <summary>A thread's life: a part of every operation that has one for it, until there is no operation.</summary>
    private void Serve()
    {
        while (true)
        {
            for (int look = 0; look < Looks && _start.CurrentCount == 0; look++)
            {
                Thread.SpinWait(1);
            }

            _start.Wait();
            if (_work is not { } work)
            {
                return;
            }

            DoPart(work, Interlocked.Increment(ref _nextPart));
        }
    }

    private void DoPart(Work work, int part)
    {
        try
        {
            work.Do(part);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(e), null); // told to the caller when all parts have ended
        }

        if (Interlocked.Decrement(ref _remaining) == 0)
        {
            _done.Release();
        }
    }

    /// <summary>An operation as the threads see it; one object for each kind of state, used again.</summary>
    private abstract class Work
    {
        public abstract void Do(int part);
    }

    private sealed class Rows<TState> : Work
    {
        public TState State { get; set; } = default!;

        public Share<TState> Body { get; set; } = null!;

        public int Count { get; set; }

        public int Grain { get; set; }

        public int Grains { get; set; }

        public int Parts { get; set; }

        public override void Do(int part) => Body(State, part, Cut(part), Cut(part + 1));

        private int Cut(int part) => (int)Math.Min(Count, (long)Grains * part / Parts * Grain);
    }

    private sealed class Items<TState> : Work
    {
        private int _next;

        public TState State { get; set; } = default!;

        public Item<TState> Body { get; set; } = null!;

        public int Count { get; set; }

        public int Next
        {
            set => _next = value;
        }

        public override void Do(int part)
        {
            for (int item = Interlocked.Increment(ref _next); item < Count; item = Interlocked.Increment(ref _next))
            {
                Body(State, part, item);
            }
        }
    }
}
