using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tributary.Training.Memory;

/// <summary>
/// Floats that live as long as a model or an optimizer does: native, exactly as many as asked for, aligned to 64 bytes, zero at
/// first. (<see cref="Tributary.Tensors.NativeBuffer"/> rounds up to a power of two, which is right for tiles that come and go.)
/// </summary>
internal sealed unsafe class FloatBuffer : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int Alignment = 64;

    public FloatBuffer(long length)
        : base(ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        nuint bytes = checked((nuint)Math.Max(length, 1) * sizeof(float));
        SetHandle((nint)NativeMemory.AlignedAlloc(bytes, Alignment));
        NativeMemory.Clear((void*)handle, bytes);
        Length = length;
    }

    /// <summary>The number of floats.</summary>
    public long Length { get; }

    /// <summary>The first float.</summary>
    public float* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (float*)handle;
        }
    }

    /// <summary>A run of the floats.</summary>
    public Span<float> Span(long offset, int length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{length} floats from {offset} on are not among {Length}.");
        }

        return new Span<float>(Data + offset, length);
    }

    /// <summary>The first <paramref name="rows"/> times <paramref name="columns"/> floats as a matrix.</summary>
    public Matrix Matrix(int rows, int columns)
    {
        if ((long)rows * columns > Length)
        {
            throw new ArgumentOutOfRangeException(nameof(rows), $"{rows} by {columns} floats are not among {Length}.");
        }

        return new Matrix(Data, rows, columns);
    }

    /// <summary>Sets all floats to zero.</summary>
    public void Clear() => NativeMemory.Clear(Data, (nuint)Length * sizeof(float));

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
