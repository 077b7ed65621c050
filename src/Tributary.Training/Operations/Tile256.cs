using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Training.Operations;

/// <summary><see cref="MatrixTile"/> with vectors of 8: strips of 16 columns, the twelve sums of a 6 by 16 tile in registers.</summary>
internal static unsafe class Tile256
{
    public const int Columns = 16;

    private const int Lanes = 8;

    /// <summary>As <see cref="MatrixTile.Multiply"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        int rows, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        while (rows > 0)
        {
            int step;
            if (rows >= 6 && rows != 8)
            {
                Rows6(k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
                step = 6;
            }
            else if (rows >= 4)
            {
                Rows4(k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
                step = 4;
            }
            else
            {
                Rows1(k, a, aColumn, b, bRow, c, accumulate);
                step = 1;
            }

            a += step * aRow;
            c += step * cRow;
            rows -= step;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6(int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        if (accumulate)
        {
            Load(c, out c00, out c01);
            Load(c + cRow, out c10, out c11);
            Load(c + (2 * cRow), out c20, out c21);
            Load(c + (3 * cRow), out c30, out c31);
            Load(c + (4 * cRow), out c40, out c41);
            Load(c + (5 * cRow), out c50, out c51);
        }

        nint a2 = 2 * aRow, a3 = 3 * aRow, a4 = 4 * aRow, a5 = 5 * aRow;
        for (int i = 0; i < k; i++)
        {
            Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + Lanes);
            var x = Vector256.Create(a[0]);
            c00 = Vector256.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(x, b1, c01);
            x = Vector256.Create(a[aRow]);
            c10 = Vector256.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(x, b1, c11);
            x = Vector256.Create(a[a2]);
            c20 = Vector256.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(x, b1, c21);
            x = Vector256.Create(a[a3]);
            c30 = Vector256.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(x, b1, c31);
            x = Vector256.Create(a[a4]);
            c40 = Vector256.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector256.FusedMultiplyAdd(x, b1, c41);
            x = Vector256.Create(a[a5]);
            c50 = Vector256.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector256.FusedMultiplyAdd(x, b1, c51);
            a += aColumn;
            b += bRow;
        }

        Store(c, c00, c01);
        Store(c + cRow, c10, c11);
        Store(c + (2 * cRow), c20, c21);
        Store(c + (3 * cRow), c30, c31);
        Store(c + (4 * cRow), c40, c41);
        Store(c + (5 * cRow), c50, c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector256<float> c20 = default, c21 = default, c30 = default, c31 = default;
        if (accumulate)
        {
            Load(c, out c00, out c01);
            Load(c + cRow, out c10, out c11);
            Load(c + (2 * cRow), out c20, out c21);
            Load(c + (3 * cRow), out c30, out c31);
        }

        nint a2 = 2 * aRow, a3 = 3 * aRow;
        for (int i = 0; i < k; i++)
        {
            Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + Lanes);
            var x = Vector256.Create(a[0]);
            c00 = Vector256.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(x, b1, c01);
            x = Vector256.Create(a[aRow]);
            c10 = Vector256.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(x, b1, c11);
            x = Vector256.Create(a[a2]);
            c20 = Vector256.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(x, b1, c21);
            x = Vector256.Create(a[a3]);
            c30 = Vector256.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(x, b1, c31);
            a += aColumn;
            b += bRow;
        }

        Store(c, c00, c01);
        Store(c + cRow, c10, c11);
        Store(c + (2 * cRow), c20, c21);
        Store(c + (3 * cRow), c30, c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, nint aColumn, float* b, nint bRow, float* c, bool accumulate)
    {
        Vector256<float> c0 = default, c1 = default;
        if (accumulate)
        {
            Load(c, out c0, out c1);
        }

        for (int i = 0; i < k; i++)
        {
            var x = Vector256.Create(a[0]);
            c0 = Vector256.FusedMultiplyAdd(x, Vector256.Load(b), c0);
            c1 = Vector256.FusedMultiplyAdd(x, Vector256.Load(b + Lanes), c1);
            a += aColumn;
            b += bRow;
        }

        Store(c, c0, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(float* c, out Vector256<float> low, out Vector256<float> high)
    {
        low = Vector256.Load(c);
        high = Vector256.Load(c + Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector256<float> low, Vector256<float> high)
    {
        low.Store(c);
        high.Store(c + Lanes);
    }
}
