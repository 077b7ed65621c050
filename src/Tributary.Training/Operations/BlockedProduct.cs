using System.Runtime.CompilerServices;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>
/// The product of matrices in managed code. Each thread takes rectangles of C; for each the right-hand side is copied, block by
/// block, into strips that stay in the cache, and rows of the left-hand side pass by them (<see cref="MatrixTile"/>).
/// </summary>
/// <remarks>
/// The blocks of the inner dimension follow from its length alone, so an element's sum is taken in the same order whatever the
/// number of threads. The scheme is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008);
/// the left-hand side is read where it lies as long as that is as fast.
/// </remarks>
internal static unsafe class BlockedProduct
{
    private const int InnerMax = 320;
    private const int ColumnsMax = 384;

    /// <summary>Rows of A that stay in the second-level cache while the strips pass by.</summary>
    private const int RowsMax = 8 * MatrixTile.Rows;

    /// <summary>Below so many multiplications, waking another thread takes longer than it saves.</summary>
    private const long ThreadedMin = 1 << 18;

    /// <summary>The elements of a rectangle for which packing what it is the product of takes little beside multiplying: 256 by 256.</summary>
    private const long PieceMin = 1 << 16;

    /// <summary>The most rectangles for each thread.</summary>
    private const int PiecesMax = 4;

    /// <summary>A thread's memory, in floats: packed B, packed A, and a tile at the right edge of C.</summary>
    private const long ScratchLength = ((long)InnerMax * (ColumnsMax + RowsMax)) + (MatrixTile.Rows * MatrixTile.ColumnsMax);

    /// <summary>c = a b, or c += a b.</summary>
    public static void Multiply(Strided a, Strided b, Matrix c, int inner, bool accumulate, Workers workers)
    {
        ProductGrid grid = ProductGrid.For(c.Rows, c.Columns, Pieces(c, inner, workers.Count));
        workers.ForEach(grid.Rows * grid.Columns, (a, b, c, inner, accumulate, grid, workers), static (state, part, item) =>
        {
            (int top, int bottom) = ProductGrid.Cut(state.c.Rows, MatrixTile.Rows, item / state.grid.Columns, state.grid.Rows);
            (int left, int right) = ProductGrid.Cut(state.c.Columns, MatrixTile.Columns, item % state.grid.Columns, state.grid.Columns);
            float* scratch = state.workers.Scratch(part, ScratchLength).Data;
            MultiplyPart(state.a, state.b, state.c, state.inner, state.accumulate, new Rectangle(top, bottom, left, right), scratch);
        });
    }

    /// <summary>
    /// The rectangles that a product is cut into: several for each thread where they are still large, so that a thread that gets less of
    /// its core than the others does fewer of them.
    /// </summary>
    private static int Pieces(Matrix c, int inner, int threads)
    {
        if (threads == 1 || c.Length * inner < ThreadedMin)
        {
            return 1;
        }

        return threads * (int)Math.Clamp(c.Length / PieceMin / threads, 1, PiecesMax);
    }

    private static void MultiplyPart(Strided a, Strided b, Matrix c, int inner, bool accumulate, Rectangle part, float* scratch)
    {
        int blocks = (inner + InnerMax - 1) / InnerMax;
        int innerBlock = (inner + blocks - 1) / blocks;
        float* packedA = scratch + ((long)InnerMax * ColumnsMax);
        float* edge = packedA + ((long)InnerMax * RowsMax);
        for (int column = part.Left; column < part.Right; column += ColumnsMax)
        {
            int columns = Math.Min(ColumnsMax, part.Right - column);
            for (int k = 0; k < inner; k += innerBlock)
            {
                int length = Math.Min(innerBlock, inner - k);
                StripPacking.Pack(b.At(k, column), length, columns, scratch);
                for (int row = part.Top; row < part.Bottom; row += RowsMax)
                {
                    int rows = Math.Min(RowsMax, part.Bottom - row);
                    Strided block = Near(a.At(row, k), rows, length, packedA);
                    MultiplyBlock(block, scratch, c, row, rows, column, columns, length, accumulate || k > 0, edge);
                }
            }
        }
    }

    /// <summary>
    /// A block of A, where it lies or a copy. A transpose is copied since each of its columns is in another page; rows that are a
    /// multiple of 1 KiB apart are, since they would push each other out of the first-level cache.
    /// </summary>
    private static Strided Near(Strided a, int rows, int inner, float* packed)
    {
        if (a.Row == 1)
        {
            StripPacking.CopyRows(a.Data, a.Column, inner, rows, packed, RowsMax);
            return new Strided(packed, 1, RowsMax);
        }

        if (a.Row % 256 == 0)
        {
            StripPacking.CopyRows(a.Data, a.Row, rows, inner, packed, InnerMax);
            return new Strided(packed, InnerMax, 1);
        }

        return a;
    }

    /// <summary>Some rows by some columns, summed over one block of the inner dimension.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyBlock(
        Strided a, float* packed, Matrix c, int row, int rows, int column, int columns, int inner, bool accumulate, float* edge)
    {
        int strip = MatrixTile.Columns;
        for (int j = 0; j < columns; j += strip)
        {
            float* b = packed + ((long)j * inner);
            float* target = c.Data + ((long)row * c.Columns) + column + j;
            if (columns - j >= strip)
            {
                MatrixTile.Multiply(rows, inner, a.Data, a.Row, a.Column, b, strip, target, c.Columns, accumulate);
            }
            else
            {
                MultiplyEdge(a, b, target, c.Columns, rows, columns - j, inner, accumulate, edge);
            }
        }
    }

    /// <summary>The last strip where it is narrower than the others: computed beside the matrix, then its columns are copied.</summary>
    private static void MultiplyEdge(
        Strided a, float* b, float* target, nint targetRow, int rows, int width, int inner, bool accumulate, float* tile)
    {
        int strip = MatrixTile.Columns;
        for (int row = 0; row < rows; row += MatrixTile.Rows)
        {
            int count = Math.Min(MatrixTile.Rows, rows - row);
            if (accumulate)
            {
                StripPacking.CopyRows(target + (row * targetRow), targetRow, count, width, tile, strip);
            }

            MatrixTile.Multiply(count, inner, a.Data + (row * a.Row), a.Row, a.Column, b, strip, tile, strip, accumulate);
            StripPacking.CopyRows(tile, strip, count, width, target + (row * targetRow), targetRow);
        }
    }

    private readonly record struct Rectangle(int Top, int Bottom, int Left, int Right);
}
