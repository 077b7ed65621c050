using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tributary.Codecs.Levels;

namespace Tributary.Codecs.Quantizers;

/// <summary>The 256 levels of the signed dynamic map (<see cref="DynamicLevels"/>).</summary>
/// <remarks>
/// The encoder's table is indexed by the sign, the exponent and the upper six mantissa bits of the scaled value: buckets narrower than
/// any gap between levels, so each holds at most one midpoint, and one comparison with the rest of the mantissa decides. A bucket's
/// entry is the rank of the level at its start, then the 17 lower bits of its midpoint. Negative values are looked up by magnitude
/// with ranks counted from the top, so that both signs step up; their comparison includes equality, as a tie goes to the lower level.
/// </remarks>
internal readonly struct DynamicMap : IQuantizer
{
    private const int RestBits = 17;
    private const int RestMask = (1 << RestBits) - 1;
    private const int MagnitudeMask = 0x7FFF_FFFF;

    /// <summary>2^-22: below the smallest midpoint, so all that is smaller shares its bucket.</summary>
    private const int LowestBits = (127 - 22) << 23;

    private const int LowestBucket = LowestBits >> RestBits;

    /// <summary>Buckets of each sign: 22 powers of two below 1, and the one that begins with 1.</summary>
    private const int Buckets = (22 << 6) + 1;

    private static readonly int[] Entries = [.. EntriesOf(isNegative: false), .. EntriesOf(isNegative: true)];
    private static readonly float[] LevelOfCode = DynamicLevels.Table.Values.ToArray();

    /// <summary>The levels by sixteens, for machines with registers of 16 floats.</summary>
    private static readonly Vector512<float> L0 = Sixteen(0), L1 = Sixteen(1), L2 = Sixteen(2), L3 = Sixteen(3);
    private static readonly Vector512<float> L4 = Sixteen(4), L5 = Sixteen(5), L6 = Sixteen(6), L7 = Sixteen(7);
    private static readonly Vector512<float> L8 = Sixteen(8), L9 = Sixteen(9), LA = Sixteen(10), LB = Sixteen(11);
    private static readonly Vector512<float> LC = Sixteen(12), LD = Sixteen(13), LE = Sixteen(14), LF = Sixteen(15);

    public static int CodeBits => 8;

    public static byte Code(float scaled) => DynamicLevels.Table.Nearest(scaled);

    public static float Level(byte code) => DynamicLevels.Table.Values[code];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector512<float> scaled) => Codes(scaled.GetLower(), scaled.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector256<float> lower, Vector256<float> upper)
    {
        Vector256<ushort> codes = Vector256.Narrow(EightCodes(lower.AsInt32()).AsUInt32(), EightCodes(upper.AsInt32()).AsUInt32());
        return Vector128.Narrow(codes.GetLower(), codes.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth)
    {
        Vector128<ushort> lower = Vector128.Narrow(FourCodes(first.AsInt32()).AsUInt32(), FourCodes(second.AsInt32()).AsUInt32());
        Vector128<ushort> upper = Vector128.Narrow(FourCodes(third.AsInt32()).AsUInt32(), FourCodes(fourth.AsInt32()).AsUInt32());
        return Vector128.Narrow(lower, upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Levels(Vector128<byte> codes)
    {
        // Each permute looks up the lower five bits among 32 levels; the upper three, moved to the sign one by one, choose between them.
        Vector512<int> code = Avx512F.ConvertToVector512Int32(codes);
        Vector512<float> bit5 = Vector512.LessThan(code << 26, Vector512<int>.Zero).AsSingle();
        Vector512<float> bit6 = Vector512.LessThan(code << 25, Vector512<int>.Zero).AsSingle();
        Vector512<float> bit7 = Vector512.LessThan(code << 24, Vector512<int>.Zero).AsSingle();
        Vector512<float> first = Vector512.ConditionalSelect(bit5, Avx512F.PermuteVar16x32x2(L2, code, L3), Avx512F.PermuteVar16x32x2(L0, code, L1));
        Vector512<float> second = Vector512.ConditionalSelect(bit5, Avx512F.PermuteVar16x32x2(L6, code, L7), Avx512F.PermuteVar16x32x2(L4, code, L5));
        Vector512<float> third = Vector512.ConditionalSelect(bit5, Avx512F.PermuteVar16x32x2(LA, code, LB), Avx512F.PermuteVar16x32x2(L8, code, L9));
        Vector512<float> fourth = Vector512.ConditionalSelect(bit5, Avx512F.PermuteVar16x32x2(LE, code, LF), Avx512F.PermuteVar16x32x2(LC, code, LD));
        return Vector512.ConditionalSelect(bit7, Vector512.ConditionalSelect(bit6, fourth, third), Vector512.ConditionalSelect(bit6, second, first));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe (Vector256<float> Lower, Vector256<float> Upper) LevelsBy256(Vector128<byte> codes)
    {
        Vector256<int> lower = Avx2.ConvertToVector256Int32(codes);
        Vector256<int> upper = Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(codes, 8));
        fixed (float* levels = LevelOfCode)
        {
            return (Avx2.GatherVector256(levels, lower, sizeof(float)), Avx2.GatherVector256(levels, upper, sizeof(float)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) LevelsBy128(Vector128<byte> codes)
    {
        Vector128<ulong> halves = codes.AsUInt64();
        ulong lower = halves.ToScalar();
        ulong upper = halves.GetElement(1);
        return (FourLevels((uint)lower), FourLevels((uint)(lower >> 32)), FourLevels((uint)upper), FourLevels((uint)(upper >> 32)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector256<int> EightCodes(Vector256<int> scaled)
    {
        // The sign as a mask: all ones where negative. Codes are taken from the low byte, so no lane needs to be cleaned above it.
        Vector256<int> negative = scaled >> 31;
        Vector256<int> magnitude = Vector256.Max(scaled & Vector256.Create(MagnitudeMask), Vector256.Create(LowestBits));
        Vector256<int> bucket = (magnitude >> RestBits) - Vector256.Create(LowestBucket) + (negative & Vector256.Create(Buckets));
        Vector256<int> entry;
        fixed (int* entries = Entries)
        {
            entry = Avx2.GatherVector256(entries, bucket, sizeof(int));
        }

        Vector256<int> mask = Vector256.Create(RestMask);
        Vector256<int> above = Vector256.GreaterThan(magnitude & mask, entry & mask);
        return (((entry >> RestBits) - above) ^ negative) & Vector256.Create(0xFF);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> FourCodes(Vector128<int> scaled)
    {
        Vector128<int> negative = scaled >> 31;
        Vector128<int> magnitude = Vector128.Max(scaled & Vector128.Create(MagnitudeMask), Vector128.Create(LowestBits));
        Vector128<int> bucket = (magnitude >> RestBits) - Vector128.Create(LowestBucket) + (negative & Vector128.Create(Buckets));
        ref int entries = ref MemoryMarshal.GetArrayDataReference(Entries);
        Vector128<int> entry = Vector128.Create(
            Unsafe.Add(ref entries, bucket.GetElement(0)),
            Unsafe.Add(ref entries, bucket.GetElement(1)),
            Unsafe.Add(ref entries, bucket.GetElement(2)),
            Unsafe.Add(ref entries, bucket.GetElement(3)));
        Vector128<int> mask = Vector128.Create(RestMask);
        Vector128<int> above = Vector128.GreaterThan(magnitude & mask, entry & mask);
        return (((entry >> RestBits) - above) ^ negative) & Vector128.Create(0xFF);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourLevels(uint codes)
    {
        ref float levels = ref MemoryMarshal.GetArrayDataReference(LevelOfCode);
        return Vector128.Create(
            Unsafe.Add(ref levels, (int)(codes & 0xFF)),
            Unsafe.Add(ref levels, (int)((codes >> 8) & 0xFF)),
            Unsafe.Add(ref levels, (int)((codes >> 16) & 0xFF)),
            Unsafe.Add(ref levels, (int)(codes >> 24)));
    }

    private static Vector512<float> Sixteen(int index) => Vector512.Create(LevelOfCode.AsSpan(16 * index, 16));

    private static int[] EntriesOf(bool isNegative)
    {
        int[] entries = new int[Buckets];
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            int first = LowestBits + (bucket << RestBits);
            int last = first + RestMask;
            int rank = RankOf(first, isNegative);
            int step = RestMask; // Nothing is above it: a bucket without a midpoint.
            if (RankOf(last, isNegative) != rank)
            {
                // The largest rest that still has the first rank.
                int below = first;
                int above = last;
                while (above - below > 1)
                {
                    int middle = below + ((above - below) / 2);
                    (below, above) = RankOf(middle, isNegative) == rank ? (middle, above) : (below, middle);
                }

                step = below & RestMask;
            }

            entries[bucket] = (rank << RestBits) | step;
        }

        return entries;
    }

    /// <summary>The rank of a magnitude's level: from the lowest for positive values, from the top for negative ones.</summary>
    private static int RankOf(int magnitudeBits, bool isNegative)
    {
        float magnitude = BitConverter.Int32BitsToSingle(magnitudeBits);
        return isNegative ? 0xFF ^ DynamicLevels.Table.Nearest(-magnitude) : DynamicLevels.Table.Nearest(magnitude);
    }
}
