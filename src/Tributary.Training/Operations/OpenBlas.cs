using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>
/// The product of matrices by the system's OpenBLAS, where it has one: Debian's libopenblas0, and what other systems call it.
/// </summary>
/// <remarks>
/// OpenBLAS gets one thread of its own and our threads call it, each for a rectangle of C. The rectangles follow from C's shape alone,
/// and so do an element's bytes, whatever the number of threads: OpenBLAS may sum in another order where a matrix has another size.
/// </remarks>
internal static unsafe class OpenBlas
{
    /// <summary>The most rectangles.</summary>
    private const int RectanglesMax = 16;

    /// <summary>The elements of a rectangle for which packing what it is the product of takes little beside multiplying.</summary>
    private const long RectangleMin = 1 << 15;

    private const int RowMajor = 101;
    private const int AsItIs = 111;
    private const int Transposed = 112;

    private static readonly string[] Names = OperatingSystem.IsWindows() ? ["libopenblas.dll", "openblas.dll"]
        : OperatingSystem.IsMacOS() ? ["/opt/homebrew/opt/openblas/lib/libopenblas.0.dylib", "libopenblas.0.dylib"]
        : ["libopenblas.so.0"];

    // int order, transA, transB, m, n, k; float alpha, A, int lda, B, int ldb, float beta, C, int ldc
    private static readonly delegate* unmanaged[Cdecl]<
        int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> Sgemm = Load();

    /// <summary>Whether the system has it.</summary>
    public static bool IsAvailable => Sgemm is not null;

    /// <summary>
    /// Whether the system has it and it knows the processor. One that is newer than the library it takes for a Prescott of 2004, with vectors
    /// of 128 bits, and a step of training then takes four times as long as with <see cref="BlockedProduct"/>. OPENBLAS_CORETYPE names it another one.
    /// </summary>
    public static bool KnowsProcessor { get; private set; }

    /// <summary>c = a b, or c += a b.</summary>
    public static void Multiply(Strided a, Strided b, Matrix c, int inner, bool accumulate, Workers workers)
    {
        ProductGrid grid = ProductGrid.For(c.Rows, c.Columns, (int)Math.Clamp(c.Length / RectangleMin, 1, RectanglesMax));
        workers.ForEach(grid.Rows * grid.Columns, (a, b, c, inner, accumulate, grid), static (state, _, item) =>
        {
            (int top, int bottom) = ProductGrid.Cut(state.c.Rows, MatrixTile.Rows, item / state.grid.Columns, state.grid.Rows);
            (int left, int right) = ProductGrid.Cut(state.c.Columns, MatrixTile.Columns, item % state.grid.Columns, state.grid.Columns);
            Strided a = state.a.At(top, 0), b = state.b.At(0, left);
            float* c = state.c.Data + ((long)top * state.c.Columns) + left;
            if (bottom > top && right > left)
            {
                (int transA, int lda) = Layout(a);
                (int transB, int ldb) = Layout(b);
                Sgemm(
                    RowMajor, transA, transB, bottom - top, right - left, state.inner, 1, a.Data, lda, b.Data, ldb, state.accumulate ? 1 : 0,
                    c, state.c.Columns);
            }
        });
    }

    /// <summary>Whether elements of a row are neighbours, or of a column, and how far apart the rows or columns are.</summary>
    private static (int Transpose, int Distance) Layout(Strided matrix) =>
        matrix.Column == 1 ? (AsItIs, (int)matrix.Row) : (Transposed, (int)matrix.Column);

    private static delegate* unmanaged[Cdecl]<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> Load()
    {
        foreach (string name in Names)
        {
            if (NativeLibrary.TryLoad(name, out nint library)
                && NativeLibrary.TryGetExport(library, "cblas_sgemm", out nint sgemm)
                && NativeLibrary.TryGetExport(library, "openblas_set_num_threads", out nint setThreads))
            {
                ((delegate* unmanaged[Cdecl]<int, void>)setThreads)(1);
                KnowsProcessor = !(Avx2.IsSupported && CoreOf(library) == "Prescott");
                return (delegate* unmanaged[Cdecl]<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void>)sgemm;
            }
        }

        return null;
    }

    /// <summary>The processor that it computes for; null where a build does not say.</summary>
    private static string? CoreOf(nint library) => NativeLibrary.TryGetExport(library, "openblas_get_corename", out nint name)
        ? Marshal.PtrToStringUTF8((nint)((delegate* unmanaged[Cdecl]<byte*>)name)())
        : null;
}
