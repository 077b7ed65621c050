using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Training.Operations;

/// <summary>
/// The innermost product: a strip of columns, C = A B or C += A B, with the sums of a tile of some rows in registers. Every element
/// is one chain of fused multiply-adds in the order of k, however rows are grouped and whichever vectors do it, so all processors
/// that have fused multiply-adds give the same bytes.
/// </summary>
/// <remarks>Lanes are columns. Scalar equivalent: c[r, j] = sum over i of a[r, i] * b[i, j].</remarks>
internal static unsafe class MatrixTile
{
    /// <summary>The most columns of a strip on any machine.</summary>
    public const int ColumnsMax = Tile512.Columns;

    /// <summary>The rows that the widest tile takes at a time; other tiles' rows divide it or nearly so.</summary>
    public const int Rows = 12;

    /// <summary>The columns of a strip: two vectors, a constant to the compiler.</summary>
    public static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated ? Tile512.Columns : Tile256.Columns;
    }

    /// <summary>Multiplies <paramref name="rows"/> rows of A by a strip of B.</summary>
    /// <param name="rows">The rows of A and C.</param>
    /// <param name="k">The columns of A and the rows of B.</param>
    /// <param name="a">The first element of A.</param>
    /// <param name="aRow">From one row of A to the next, in floats.</param>
    /// <param name="aColumn">From one column of A to the next, in floats.</param>
    /// <param name="b">The first element of B's strip.</param>
    /// <param name="bRow">From one row of B to the next, in floats.</param>
    /// <param name="c">The first element of C's strip.</param>
    /// <param name="cRow">From one row of C to the next, in floats.</param>
    /// <param name="accumulate">Whether to add to C instead of overwriting it.</param>
    public static void Multiply(
        int rows, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Tile512.Multiply(rows, k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Tile256.Multiply(rows, k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
        }
        else
        {
            Tile128.Multiply(rows, k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
        }
    }
}
