using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Tributary.Tensors;

/// <summary>
/// A rented run of native memory, for tiles: outside the garbage collector's heap, aligned to 64 bytes, reused. Dispose gives it back,
/// and then whoever rents next may get the same object: whoever disposed it must forget it.
/// The pool keeps at most <see cref="KeptBytesMax"/> bytes that nobody uses; its contents are whatever the last renter left.
/// </summary>
public sealed unsafe class NativeBuffer : MemoryManager<byte>
{
    /// <summary>The most that the pool keeps for later, in bytes: eight fp32 tiles.</summary>
    public const long KeptBytesMax = 8L * Tile.ElementsMax * sizeof(float);

    private const int Alignment = 64;

    // Larger ones than a tile's are made for their purpose, and not kept.
    private const int LargestKept = Tile.ElementsMax * sizeof(double);

    // The buffers themselves are kept, not their addresses, so that renting allocates nothing once the pool is warm.
    // One stack for each power of two. The lock is held for a push or pop only.
    private static readonly Stack<NativeBuffer>[] Kept = [.. Enumerable.Range(0, 32).Select(_ => new Stack<NativeBuffer>())];
    private static long s_keptBytes;
    private static long s_rented;

    private readonly int _capacity;
    private readonly nint _address;
    private int _length;
    private int _isRented;

    private NativeBuffer(int capacity)
    {
        _capacity = capacity;
        _address = (nint)NativeMemory.AlignedAlloc((nuint)capacity, Alignment);
    }

    /// <summary>The number of buffers that are rented now; a test that ends with more than it began has found a leak.</summary>
    public static long RentedCount => Interlocked.Read(ref s_rented);

    /// <summary>The buffer's bytes.</summary>
    public Span<byte> Bytes => GetSpan();

    /// <summary>The buffer's bytes as floats; a rest of fewer than four bytes is left out.</summary>
    public Span<float> Floats => MemoryMarshal.Cast<byte, float>(GetSpan());

    /// <summary>Rents a buffer of exactly that many bytes.</summary>
    public static NativeBuffer Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        int capacity = length > LargestKept ? length : (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(length, 4096));
        NativeBuffer buffer = TakeKept(capacity) ?? new NativeBuffer(capacity);
        buffer._length = length;
        Volatile.Write(ref buffer._isRented, 1);
        Interlocked.Increment(ref s_rented);
        return buffer;
    }

    /// <summary>Rents a buffer for that many floats.</summary>
    public static NativeBuffer RentFloats(int count) => Rent(checked(count * sizeof(float)));

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isRented) == 0, this);
        return new Span<byte>((void*)_address, _length);
    }

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)_address + elementIndex);

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _isRented, 0) == 0)
        {
            return;
        }

        Interlocked.Decrement(ref s_rented);
        lock (Kept)
        {
            if (_capacity <= LargestKept && s_keptBytes + _capacity <= KeptBytesMax)
            {
                s_keptBytes += _capacity;
                Kept[BitOperations.Log2((uint)_capacity)].Push(this);
                return;
            }
        }

        NativeMemory.AlignedFree((void*)_address);
    }

    private static NativeBuffer? TakeKept(int capacity)
    {
        lock (Kept)
        {
            if (capacity > LargestKept || !Kept[BitOperations.Log2((uint)capacity)].TryPop(out NativeBuffer? buffer))
            {
                return null;
            }

            s_keptBytes -= capacity;
            return buffer;
        }
    }
}
