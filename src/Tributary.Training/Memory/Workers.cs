namespace Tributary.Training.Memory;

/// <summary>
/// Splits an operation's work over threads. Each output element is computed wholly by one of them, in an order that does not
/// depend on their number, so the bytes do not either.
/// </summary>
/// <remarks>One operation at a time: a <see cref="Workers"/> belongs to one training run.</remarks>
internal sealed class Workers : IDisposable
{
    private readonly FloatBuffer?[] _scratch;
    private readonly ParallelOptions _options;

    public Workers(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Count = threads;
        _scratch = new FloatBuffer?[threads];
        _options = new ParallelOptions { MaxDegreeOfParallelism = threads };
    }

    /// <summary>A contiguous share of the rows.</summary>
    /// <param name="part">Which of the threads' shares this is: the key to its scratch memory.</param>
    /// <param name="begin">The first row.</param>
    /// <param name="end">The row after the last.</param>
    public delegate void Share(int part, int begin, int end);

    /// <summary>The number of threads.</summary>
    public int Count { get; }

    /// <summary>Gives each thread one contiguous share of the rows, cut at multiples of <paramref name="grain"/>.</summary>
    public void Split(int rows, int grain, Share body)
    {
        int grains = (rows + grain - 1) / grain;
        int parts = Math.Min(Count, grains);
        if (parts <= 1)
        {
            body(0, 0, rows);
            return;
        }

        int Cut(int part) => Math.Min(rows, (int)((long)grains * part / parts) * grain);
        Parallel.For(0, parts, _options, part => body(part, Cut(part), Cut(part + 1)));
    }

    /// <summary>Hands out items one by one to whichever thread is free; for items that take unequal time.</summary>
    public void ForEach(int items, Action<int, int> body)
    {
        int next = -1;
        Split(Math.Min(items, Count), 1, (part, _, _) =>
        {
            for (int item = Interlocked.Increment(ref next); item < items; item = Interlocked.Increment(ref next))
            {
                body(item, part);
            }
        });
    }

    /// <summary>A thread's own memory: at least that many floats, contents unknown, kept for the next operation.</summary>
    public FloatBuffer Scratch(int part, long length)
    {
        FloatBuffer? buffer = _scratch[part];
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            _scratch[part] = buffer = new FloatBuffer(length);
        }

        return buffer;
    }

    public void Dispose()
    {
        foreach (FloatBuffer? buffer in _scratch)
        {
            buffer?.Dispose();
        }
    }
}
