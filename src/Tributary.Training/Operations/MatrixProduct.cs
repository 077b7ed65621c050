using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>
/// Products of matrices: the right-hand side is copied, block by block, into strips of 16 columns that stay in the cache, and each
/// thread multiplies its own rows by them (<see cref="MatrixTile"/>).
/// </summary>
/// <remarks>
/// The blocks of the inner dimension follow from its length alone, so an element's sum is taken in the same order whatever the
/// number of threads. The scheme is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008),
/// without packing of the left-hand side, which is read six elements at a time.
/// </remarks>
internal static unsafe class MatrixProduct
{
    private const int InnerMax = 320;
    private const int ColumnsMax = 384;
    private const int Strip = MatrixTile.Columns;

    /// <summary>c = a bᵀ, or c += a bᵀ.</summary>
    public static void TimesTransposed(Matrix a, Matrix b, Matrix c, bool accumulate, Workers workers)
    {
        b.RequireShape(c.Columns, a.Columns);
        c.RequireShape(a.Rows, b.Rows);
        Multiply(new(a.Data, a.Columns, 1), new(b.Data, 1, b.Columns), c, a.Columns, accumulate, workers);
    }

    /// <summary>c = a b, or c += a b.</summary>
    public static void Times(Matrix a, Matrix b, Matrix c, bool accumulate, Workers workers)
    {
        b.RequireShape(a.Columns, c.Columns);
        c.RequireShape(a.Rows, b.Columns);
        Multiply(new(a.Data, a.Columns, 1), new(b.Data, b.Columns, 1), c, a.Columns, accumulate, workers);
    }

    /// <summary>c = aᵀ b, or c += aᵀ b.</summary>
    public static void TransposedTimes(Matrix a, Matrix b, Matrix c, bool accumulate, Workers workers)
    {
        b.RequireShape(a.Rows, c.Columns);
        c.RequireShape(a.Columns, b.Columns);
        Multiply(new(a.Data, 1, a.Columns), new(b.Data, b.Columns, 1), c, a.Rows, accumulate, workers);
    }

    private static void Multiply(Strided a, Strided b, Matrix c, int inner, bool accumulate, Workers workers)
    {
        if (inner == 0 && !accumulate)
        {
            c.Clear();
        }

        int blocks = (inner + InnerMax - 1) / InnerMax;
        int innerBlock = blocks == 0 ? 0 : (inner + blocks - 1) / blocks;
        workers.Split(c.Rows, 12, (part, begin, end) =>
        {
            float* packed = workers.Scratch(part, ((long)InnerMax * ColumnsMax) + (Strip * Strip)).Data;
            for (int column = 0; column < c.Columns; column += ColumnsMax)
            {
                int columns = Math.Min(ColumnsMax, c.Columns - column);
                for (int k = 0; k < inner; k += innerBlock)
                {
                    int length = Math.Min(innerBlock, inner - k);
                    Pack(b.At(k, column), length, columns, packed);
                    MultiplyBlock(a.At(0, k), packed, c, column, columns, length, accumulate || k > 0, begin, end);
                }
            }
        });
    }

    /// <summary>The rows from begin to end of one block of columns, summed over one block of the inner dimension.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyBlock(
        Strided a, float* packed, Matrix c, int column, int columns, int inner, bool accumulate, int begin, int end)
    {
        const int RowsAtOnce = 96; // rows of A that stay in the second-level cache while the strips pass by
        for (int row = begin; row < end; row += RowsAtOnce)
        {
            int rows = Math.Min(RowsAtOnce, end - row);
            float* left = a.Data + (row * a.Row);
            for (int j = 0; j < columns; j += Strip)
            {
                float* strip = packed + ((long)j * inner);
                float* target = c.Data + ((long)row * c.Columns) + column + j;
                if (columns - j >= Strip)
                {
                    MatrixTile.Multiply(rows, inner, left, a.Row, a.Column, strip, Strip, target, c.Columns, accumulate);
                }
                else
                {
                    MultiplyEdge(rows, inner, left, a, strip, target, c.Columns, columns - j, accumulate);
                }
            }
        }
    }

    /// <summary>The last strip where it is narrower than 16: computed beside the matrix, then its columns are copied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyEdge(
        int rows, int inner, float* left, Strided a, float* strip, float* target, nint targetRow, int width, bool accumulate)
    {
        const int RowsAtOnce = 12;
        float* tile = stackalloc float[RowsAtOnce * Strip];
        for (int row = 0; row < rows; row += RowsAtOnce)
        {
            int count = Math.Min(RowsAtOnce, rows - row);
            for (int r = 0; r < count && accumulate; r++)
            {
                new Span<float>(target + ((row + r) * targetRow), width).CopyTo(new Span<float>(tile + (r * Strip), width));
            }

            MatrixTile.Multiply(count, inner, left + (row * a.Row), a.Row, a.Column, strip, Strip, tile, Strip, accumulate);
            for (int r = 0; r < count; r++)
            {
                new Span<float>(tile + (r * Strip), width).CopyTo(new Span<float>(target + ((row + r) * targetRow), width));
            }
        }
    }

    /// <summary>Copies a block of B into strips of 16 columns, the last one filled up with zeros.</summary>
    private static void Pack(Strided b, int inner, int columns, float* packed)
    {
        for (int j = 0; j < columns; j += Strip)
        {
            float* strip = packed + ((long)j * inner);
            int width = Math.Min(Strip, columns - j);
            if (width < Strip)
            {
                new Span<float>(strip, inner * Strip).Clear();
            }

            float* source = b.Data + (j * b.Column);
            if (b.Row == 1)
            {
                PackColumns(source, b.Column, inner, width, strip);
            }
            else
            {
                PackRows(source, b.Row, inner, width, strip);
            }
        }
    }

    /// <summary>B's rows are contiguous: 16 neighbours are copied at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackRows(float* source, nint row, int inner, int width, float* strip)
    {
        for (int k = 0; k < inner; k++, source += row, strip += Strip)
        {
            if (width == Strip)
            {
                Vector256.Load(source).Store(strip);
                Vector256.Load(source + 8).Store(strip + 8);
            }
            else
            {
                new Span<float>(source, width).CopyTo(new Span<float>(strip, width));
            }
        }
    }

    /// <summary>B's columns are contiguous: each is read from end to end and written across the strip.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackColumns(float* source, nint column, int inner, int width, float* strip)
    {
        for (int j = 0; j < width; j++, source += column)
        {
            float* target = strip + j;
            for (int k = 0; k < inner; k++, target += Strip)
            {
                *target = source[k];
            }
        }
    }

    /// <summary>A matrix or its transpose, by the distances between its rows and between its columns, in floats.</summary>
    private readonly struct Strided(float* data, nint row, nint column)
    {
        public float* Data { get; } = data;

        public nint Row { get; } = row;

        public nint Column { get; } = column;

        public Strided At(nint rows, nint columns) => new(Data + (rows * Row) + (columns * Column), Row, Column);
    }
}
