using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tributary.Training.Operations;

/// <summary>Copies blocks of matrices to where <see cref="MatrixTile"/> reads them from end to end.</summary>
internal static unsafe class StripPacking
{
    /// <summary>Copies a block of B into strips of <see cref="MatrixTile.Columns"/> columns, the last one filled up with zeros.</summary>
    public static void Pack(Strided b, int inner, int columns, float* packed)
    {
        int strip = MatrixTile.Columns;
        for (int j = 0; j < columns; j += strip)
        {
            float* target = packed + ((long)j * inner);
            int width = Math.Min(strip, columns - j);
            if (width < strip)
            {
                new Span<float>(target, inner * strip).Clear();
            }

            float* source = b.Data + (j * b.Column);
            if (b.Row == 1)
            {
                Transpose(source, b.Column, width, inner, target, strip);
            }
            else
            {
                CopyRows(source, b.Row, inner, width, target, strip);
            }
        }
    }

    /// <summary>Copies rows that are far apart close together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CopyRows(float* source, nint sourceRow, int rows, int width, float* target, nint targetRow)
    {
        for (int row = 0; row < rows; row++, source += sourceRow, target += targetRow)
        {
            int i = 0;
            for (; i <= width - 8; i += 8)
            {
                Vector256.Load(source + i).Store(target + i);
            }

            for (; i < width; i++)
            {
                target[i] = source[i];
            }
        }
    }

    /// <summary>target[j, i] = source[i, j], eight rows by eight columns at a time.</summary>
    /// <param name="source">The first element of the source.</param>
    /// <param name="sourceRow">From one of its rows to the next, in floats.</param>
    /// <param name="rows">Its rows, which become columns.</param>
    /// <param name="columns">Its columns, which become rows.</param>
    /// <param name="target">The first element of the target.</param>
    /// <param name="targetRow">From one of its rows to the next, in floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceRow, int rows, int columns, float* target, nint targetRow)
    {
        int i = 0;
        for (; Avx.IsSupported && i <= rows - 8; i += 8)
        {
            float* from = source + (i * sourceRow);
            int j = 0;
            for (; j <= columns - 8; j += 8)
            {
                Transpose8(from + j, sourceRow, target + (j * targetRow) + i, targetRow);
            }

            TransposeRest(from + j, sourceRow, 8, columns - j, target + (j * targetRow) + i, targetRow);
        }

        TransposeRest(source + (i * sourceRow), sourceRow, rows - i, columns, target + i, targetRow);
    }

    private static void TransposeRest(float* source, nint sourceRow, int rows, int columns, float* target, nint targetRow)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                target[(j * targetRow) + i] = source[(i * sourceRow) + j];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8(float* source, nint row, float* target, nint targetRow)
    {
        Vector256<float> r0 = Vector256.Load(source), r1 = Vector256.Load(source + row);
        Vector256<float> r2 = Vector256.Load(source + (2 * row)), r3 = Vector256.Load(source + (3 * row));
        source += 4 * row;
        Vector256<float> r4 = Vector256.Load(source), r5 = Vector256.Load(source + row);
        Vector256<float> r6 = Vector256.Load(source + (2 * row)), r7 = Vector256.Load(source + (3 * row));
        Half(Avx.UnpackLow(r0, r1), Avx.UnpackLow(r2, r3), Avx.UnpackLow(r4, r5), Avx.UnpackLow(r6, r7), target, targetRow);
        target += 2 * targetRow;
        Half(Avx.UnpackHigh(r0, r1), Avx.UnpackHigh(r2, r3), Avx.UnpackHigh(r4, r5), Avx.UnpackHigh(r6, r7), target, targetRow);
    }

    /// <summary>Two neighbouring columns of the source and the two that are four further on, from pairs of interleaved rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Half(
        Vector256<float> r01, Vector256<float> r23, Vector256<float> r45, Vector256<float> r67, float* target, nint targetRow)
    {
        Vector256<float> even03 = Avx.Shuffle(r01, r23, 0b01_00_01_00), odd03 = Avx.Shuffle(r01, r23, 0b11_10_11_10);
        Vector256<float> even47 = Avx.Shuffle(r45, r67, 0b01_00_01_00), odd47 = Avx.Shuffle(r45, r67, 0b11_10_11_10);
        Avx.Permute2x128(even03, even47, 0x20).Store(target);
        Avx.Permute2x128(odd03, odd47, 0x20).Store(target + targetRow);
        Avx.Permute2x128(even03, even47, 0x31).Store(target + (4 * targetRow));
        Avx.Permute2x128(odd03, odd47, 0x31).Store(target + (5 * targetRow));
    }
}
