using System.Runtime.InteropServices;

namespace Tributary.Training.Memory;

/// <summary>
/// Rows of floats, one after the other, borrowed from a <see cref="FloatBuffer"/>. Whoever holds the buffer keeps it alive.
/// </summary>
internal readonly unsafe struct Matrix(float* data, int rows, int columns)
{
    /// <summary>The first element.</summary>
    public float* Data { get; } = data;

    /// <summary>The number of rows.</summary>
    public int Rows { get; } = rows;

    /// <summary>The number of columns, which is also the distance from one row to the next.</summary>
    public int Columns { get; } = columns;

    /// <summary>The number of elements.</summary>
    public long Length => (long)Rows * Columns;

    /// <summary>One row.</summary>
    public Span<float> Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        return new Span<float>(Data + ((long)row * Columns), Columns);
    }

    /// <summary>The elements of a matrix of one column, from one row up to but without another.</summary>
    public Span<float> Column(int begin, int end)
    {
        RequireShape(Rows, 1);
        return new Span<float>(Slice(begin, end).Data, end - begin);
    }

    /// <summary>The rows from <paramref name="begin"/> up to but without <paramref name="end"/>.</summary>
    public Matrix Slice(int begin, int end)
    {
        if (begin < 0 || end < begin || end > Rows)
        {
            throw new ArgumentOutOfRangeException(nameof(begin), $"rows {begin} to {end} are not among {Rows}.");
        }

        return new Matrix(Data + ((long)begin * Columns), end - begin, Columns);
    }

    /// <summary>
    /// Copies some columns of all rows to rows that are <paramref name="targetRow"/> floats apart: close together they fit a cache that
    /// a long row's stride would leave half unused.
    /// </summary>
    public void CopyColumns(int column, int count, float* target, int targetRow)
    {
        for (int row = 0; row < Rows; row++)
        {
            new Span<float>(Data + ((long)row * Columns) + column, count).CopyTo(new Span<float>(target + ((long)row * targetRow), count));
        }
    }

    /// <summary>Sets all elements to zero.</summary>
    public void Clear() => NativeMemory.Clear(Data, (nuint)Length * sizeof(float));

    /// <summary>Copies all elements of a matrix of the same size.</summary>
    public void CopyFrom(Matrix source)
    {
        RequireShape(source.Rows, source.Columns);
        Buffer.MemoryCopy(source.Data, Data, Length * sizeof(float), Length * sizeof(float));
    }

    /// <summary>Refuses a matrix of another size: a mistake in the calling code.</summary>
    public void RequireShape(int rows, int columns)
    {
        if (Rows != rows || Columns != columns)
        {
            throw new ArgumentException($"A matrix of {Rows} by {Columns} stands where one of {rows} by {columns} belongs.");
        }
    }
}
