using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Training.Operations;

/// <summary><see cref="MatrixTile"/> with vectors of 16: strips of 32 columns, the 24 sums of a 12 by 32 tile in registers.</summary>
internal static unsafe class Tile512
{
    public const int Columns = 32;

    private const int Lanes = 16;

    /// <summary>As <see cref="MatrixTile.Multiply"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        int rows, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        while (rows > 0)
        {
            int step;
            if (rows >= 12)
            {
                Rows12(k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
                step = 12;
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
    private static void Rows12(int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector512<float> c20 = default, c21 = default, c30 = default, c31 = default;
        Vector512<float> c40 = default, c41 = default, c50 = default, c51 = default;
        Vector512<float> c60 = default, c61 = default, c70 = default, c71 = default;
        Vector512<float> c80 = default, c81 = default, c90 = default, c91 = default;
        Vector512<float> d00 = default, d01 = default, d10 = default, d11 = default;
        nint c3 = 3 * cRow, c6 = 6 * cRow, c9 = 9 * cRow;
        if (accumulate)
        {
            Load(c, out c00, out c01);
            Load(c + cRow, out c10, out c11);
            Load(c + (2 * cRow), out c20, out c21);
            Load(c + c3, out c30, out c31);
            Load(c + c3 + cRow, out c40, out c41);
            Load(c + c3 + (2 * cRow), out c50, out c51);
            Load(c + c6, out c60, out c61);
            Load(c + c6 + cRow, out c70, out c71);
            Load(c + c6 + (2 * cRow), out c80, out c81);
            Load(c + c9, out c90, out c91);
            Load(c + c9 + cRow, out d00, out d01);
            Load(c + c9 + (2 * cRow), out d10, out d11);
        }

        nint a2 = 2 * aRow, a3 = 3 * aRow;
        float* middle = a + (4 * aRow), low = a + (8 * aRow);
        for (int i = 0; i < k; i++)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + Lanes), x = Vector512.Create(a[0]);
            (c00, c01) = (Vector512.FusedMultiplyAdd(x, b0, c00), Vector512.FusedMultiplyAdd(x, b1, c01));
            x = Vector512.Create(a[aRow]);
            (c10, c11) = (Vector512.FusedMultiplyAdd(x, b0, c10), Vector512.FusedMultiplyAdd(x, b1, c11));
            x = Vector512.Create(a[a2]);
            (c20, c21) = (Vector512.FusedMultiplyAdd(x, b0, c20), Vector512.FusedMultiplyAdd(x, b1, c21));
            x = Vector512.Create(a[a3]);
            (c30, c31) = (Vector512.FusedMultiplyAdd(x, b0, c30), Vector512.FusedMultiplyAdd(x, b1, c31));
            x = Vector512.Create(middle[0]);
            (c40, c41) = (Vector512.FusedMultiplyAdd(x, b0, c40), Vector512.FusedMultiplyAdd(x, b1, c41));
            x = Vector512.Create(middle[aRow]);
            (c50, c51) = (Vector512.FusedMultiplyAdd(x, b0, c50), Vector512.FusedMultiplyAdd(x, b1, c51));
            x = Vector512.Create(middle[a2]);
            (c60, c61) = (Vector512.FusedMultiplyAdd(x, b0, c60), Vector512.FusedMultiplyAdd(x, b1, c61));
            x = Vector512.Create(middle[a3]);
            (c70, c71) = (Vector512.FusedMultiplyAdd(x, b0, c70), Vector512.FusedMultiplyAdd(x, b1, c71));
            x = Vector512.Create(low[0]);
            (c80, c81) = (Vector512.FusedMultiplyAdd(x, b0, c80), Vector512.FusedMultiplyAdd(x, b1, c81));
            x = Vector512.Create(low[aRow]);
            (c90, c91) = (Vector512.FusedMultiplyAdd(x, b0, c90), Vector512.FusedMultiplyAdd(x, b1, c91));
            x = Vector512.Create(low[a2]);
            (d00, d01) = (Vector512.FusedMultiplyAdd(x, b0, d00), Vector512.FusedMultiplyAdd(x, b1, d01));
            x = Vector512.Create(low[a3]);
            (d10, d11) = (Vector512.FusedMultiplyAdd(x, b0, d10), Vector512.FusedMultiplyAdd(x, b1, d11));
            a += aColumn;
            middle += aColumn;
            low += aColumn;
            b += bRow;
        }

        Store(c, c00, c01);
        Store(c + cRow, c10, c11);
        Store(c + (2 * cRow), c20, c21);
        Store(c + c3, c30, c31);
        Store(c + c3 + cRow, c40, c41);
        Store(c + c3 + (2 * cRow), c50, c51);
        Store(c + c6, c60, c61);
        Store(c + c6 + cRow, c70, c71);
        Store(c + c6 + (2 * cRow), c80, c81);
        Store(c + c9, c90, c91);
        Store(c + c9 + cRow, d00, d01);
        Store(c + c9 + (2 * cRow), d10, d11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector512<float> c20 = default, c21 = default, c30 = default, c31 = default;
        nint c3 = 3 * cRow;
        if (accumulate)
        {
            Load(c, out c00, out c01);
            Load(c + cRow, out c10, out c11);
            Load(c + (2 * cRow), out c20, out c21);
            Load(c + c3, out c30, out c31);
        }

        nint a2 = 2 * aRow, a3 = 3 * aRow;
        for (int i = 0; i < k; i++)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + Lanes), x = Vector512.Create(a[0]);
            (c00, c01) = (Vector512.FusedMultiplyAdd(x, b0, c00), Vector512.FusedMultiplyAdd(x, b1, c01));
            x = Vector512.Create(a[aRow]);
            (c10, c11) = (Vector512.FusedMultiplyAdd(x, b0, c10), Vector512.FusedMultiplyAdd(x, b1, c11));
            x = Vector512.Create(a[a2]);
            (c20, c21) = (Vector512.FusedMultiplyAdd(x, b0, c20), Vector512.FusedMultiplyAdd(x, b1, c21));
            x = Vector512.Create(a[a3]);
            (c30, c31) = (Vector512.FusedMultiplyAdd(x, b0, c30), Vector512.FusedMultiplyAdd(x, b1, c31));
            a += aColumn;
            b += bRow;
        }

        Store(c, c00, c01);
        Store(c + cRow, c10, c11);
        Store(c + (2 * cRow), c20, c21);
        Store(c + c3, c30, c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, nint aColumn, float* b, nint bRow, float* c, bool accumulate)
    {
        Vector512<float> c0 = default, c1 = default;
        if (accumulate)
        {
            Load(c, out c0, out c1);
        }

        for (int i = 0; i < k; i++)
        {
            var x = Vector512.Create(a[0]);
            c0 = Vector512.FusedMultiplyAdd(x, Vector512.Load(b), c0);
            c1 = Vector512.FusedMultiplyAdd(x, Vector512.Load(b + Lanes), c1);
            a += aColumn;
            b += bRow;
        }

        Store(c, c0, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(float* c, out Vector512<float> low, out Vector512<float> high)
    {
        low = Vector512.Load(c);
        high = Vector512.Load(c + Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector512<float> low, Vector512<float> high)
    {
        low.Store(c);
        high.Store(c + Lanes);
    }
}
