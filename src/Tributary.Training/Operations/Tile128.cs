using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tributary.Training.Operations;

/// <summary>
/// <see cref="MatrixTile"/> with vectors of 4, as Arm has them: strips of 16 columns, the 16 sums of a 4 by 16 tile in registers.
/// Where there are no fused multiply-adds, products are rounded before they are added.
/// </summary>
internal static unsafe class Tile128
{
    public const int Columns = 16;

    private const int Lanes = 4;

    /// <summary>As <see cref="MatrixTile.Multiply"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        int rows, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        while (rows > 0)
        {
            int step = rows >= 4 ? 4 : 1;
            if (step == 4)
            {
                Rows4(k, a, aRow, aColumn, b, bRow, c, cRow, accumulate);
            }
            else
            {
                Rows1(k, a, aColumn, b, bRow, c, accumulate);
            }

            a += step * aRow;
            c += step * cRow;
            rows -= step;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate)
    {
        Vector128<float> c00 = default, c01 = default, c02 = default, c03 = default;
        Vector128<float> c10 = default, c11 = default, c12 = default, c13 = default;
        Vector128<float> c20 = default, c21 = default, c22 = default, c23 = default;
        Vector128<float> c30 = default, c31 = default, c32 = default, c33 = default;
        if (accumulate)
        {
            Load(c, out c00, out c01, out c02, out c03);
            Load(c + cRow, out c10, out c11, out c12, out c13);
            Load(c + (2 * cRow), out c20, out c21, out c22, out c23);
            Load(c + (3 * cRow), out c30, out c31, out c32, out c33);
        }

        nint a2 = 2 * aRow, a3 = 3 * aRow;
        for (int i = 0; i < k; i++)
        {
            Load(b, out Vector128<float> b0, out Vector128<float> b1, out Vector128<float> b2, out Vector128<float> b3);
            var x = Vector128.Create(a[0]);
            c00 = Vector128.MultiplyAddEstimate(x, b0, c00);
            c01 = Vector128.MultiplyAddEstimate(x, b1, c01);
            c02 = Vector128.MultiplyAddEstimate(x, b2, c02);
            c03 = Vector128.MultiplyAddEstimate(x, b3, c03);
            x = Vector128.Create(a[aRow]);
            c10 = Vector128.MultiplyAddEstimate(x, b0, c10);
            c11 = Vector128.MultiplyAddEstimate(x, b1, c11);
            c12 = Vector128.MultiplyAddEstimate(x, b2, c12);
            c13 = Vector128.MultiplyAddEstimate(x, b3, c13);
            x = Vector128.Create(a[a2]);
            c20 = Vector128.MultiplyAddEstimate(x, b0, c20);
            c21 = Vector128.MultiplyAddEstimate(x, b1, c21);
            c22 = Vector128.MultiplyAddEstimate(x, b2, c22);
            c23 = Vector128.MultiplyAddEstimate(x, b3, c23);
            x = Vector128.Create(a[a3]);
            c30 = Vector128.MultiplyAddEstimate(x, b0, c30);
            c31 = Vector128.MultiplyAddEstimate(x, b1, c31);
            c32 = Vector128.MultiplyAddEstimate(x, b2, c32);
            c33 = Vector128.MultiplyAddEstimate(x, b3, c33);
            a += aColumn;
            b += bRow;
        }

        Store(c, c00, c01, c02, c03);
        Store(c + cRow, c10, c11, c12, c13);
        Store(c + (2 * cRow), c20, c21, c22, c23);
        Store(c + (3 * cRow), c30, c31, c32, c33);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, nint aColumn, float* b, nint bRow, float* c, bool accumulate)
    {
        Vector128<float> c0 = default, c1 = default, c2 = default, c3 = default;
        if (accumulate)
        {
            Load(c, out c0, out c1, out c2, out c3);
        }

        for (int i = 0; i < k; i++)
        {
            Load(b, out Vector128<float> b0, out Vector128<float> b1, out Vector128<float> b2, out Vector128<float> b3);
            var x = Vector128.Create(a[0]);
            c0 = Vector128.MultiplyAddEstimate(x, b0, c0);
            c1 = Vector128.MultiplyAddEstimate(x, b1, c1);
            c2 = Vector128.MultiplyAddEstimate(x, b2, c2);
            c3 = Vector128.MultiplyAddEstimate(x, b3, c3);
            a += aColumn;
            b += bRow;
        }

        Store(c, c0, c1, c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(
        float* c, out Vector128<float> v0, out Vector128<float> v1, out Vector128<float> v2, out Vector128<float> v3)
    {
        v0 = Vector128.Load(c);
        v1 = Vector128.Load(c + Lanes);
        v2 = Vector128.Load(c + (2 * Lanes));
        v3 = Vector128.Load(c + (3 * Lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3)
    {
        v0.Store(c);
        v1.Store(c + Lanes);
        v2.Store(c + (2 * Lanes));
        v3.Store(c + (3 * Lanes));
    }
}
