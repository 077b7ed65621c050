using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tributary.Codecs.Levels;

namespace Tributary.Codecs.Quantizers;

/// <summary>A 4-bit precision: any table of at most 16 levels. A new one is a new table.</summary>
/// <remarks>
/// The encoder walks the midpoints as a binary search tree laid out breadth first (the children of node n are 2n and 2n + 1), which
/// fits into one or two registers: four comparisons and three permutes. Where permutes across 128 bits are missing it counts the midpoints below.
/// The decoder looks levels up by permutes, or byte by byte where a register holds 16 bytes.
/// </remarks>
internal readonly struct SixteenLevels<TLevels> : IQuantizer
    where TLevels : ILevels
{
    // Missing midpoints are infinite: nothing lies above them.
    private static readonly float[] Midpoints = [.. TLevels.Table.Midpoints, .. Enumerable.Repeat(float.PositiveInfinity, 15 - TLevels.Table.Midpoints.Length)];
    private static readonly float[] Tree = ToTree();
    private static readonly Vector512<float> TreeBy512 = Vector512.Create(Tree);
    private static readonly Vector256<float> UpperTree = Vector256.Create(Tree.AsSpan(0, 8));
    private static readonly Vector256<float> Leaves = Vector256.Create(Tree.AsSpan(8, 8));

    /// <summary>The code of each level in ascending order.</summary>
    private static readonly Vector128<byte> CodeOfRank = Vector128.Create([.. TLevels.Table.Codes, .. new byte[16 - TLevels.Table.Codes.Length]]);

    private static readonly Vector512<float> LevelOfCode = Vector512.Create(TLevels.Table.Values);

    /// <summary>The lowest, second, third and highest byte of each level.</summary>
    private static readonly Vector128<byte> Bytes0 = LevelBytes(0);
    private static readonly Vector128<byte> Bytes1 = LevelBytes(1);
    private static readonly Vector128<byte> Bytes2 = LevelBytes(2);
    private static readonly Vector128<byte> Bytes3 = LevelBytes(3);

    public static int CodeBits => 4;

    public static byte Code(float scaled) => TLevels.Table.Nearest(scaled);

    public static float Level(byte code) => TLevels.Table.Values[code];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector512<float> scaled)
    {
        // A comparison's true is -1, so subtracting it steps to the right child.
        Vector512<int> node = Vector512.Create(2) - Vector512.GreaterThan(scaled, Vector512.Create(Tree[1])).AsInt32();
        node = node + node - Vector512.GreaterThan(scaled, Avx512F.PermuteVar16x32(TreeBy512, node)).AsInt32();
        node = node + node - Vector512.GreaterThan(scaled, Avx512F.PermuteVar16x32(TreeBy512, node)).AsInt32();
        node = node + node - Vector512.GreaterThan(scaled, Avx512F.PermuteVar16x32(TreeBy512, node)).AsInt32();
        return ToCodes(Avx512F.ConvertToVector128Byte(node.AsUInt32()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector256<float> lower, Vector256<float> upper)
    {
        Vector256<short> ranks = Vector256.Narrow(Rank(lower), Rank(upper));
        return ToCodes(Vector128.Narrow(ranks.GetLower(), ranks.GetUpper()).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Codes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth)
    {
        Vector128<short> lower = Vector128.Narrow(Rank(first), Rank(second));
        Vector128<short> upper = Vector128.Narrow(Rank(third), Rank(fourth));
        return ToCodes(Vector128.Narrow(lower, upper).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Levels(Vector128<byte> codes) =>
        Avx512F.PermuteVar16x32(LevelOfCode, Avx512F.ConvertToVector512Int32(codes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Lower, Vector256<float> Upper) LevelsBy256(Vector128<byte> codes) =>
        (EightLevels(Avx2.ConvertToVector256Int32(codes)), EightLevels(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(codes, 8))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) LevelsBy128(Vector128<byte> codes)
    {
        (Vector128<ushort> low0, Vector128<ushort> low1) = Zip(Vector128.Shuffle(Bytes0, codes), Vector128.Shuffle(Bytes1, codes));
        (Vector128<ushort> high0, Vector128<ushort> high1) = Zip(Vector128.Shuffle(Bytes2, codes), Vector128.Shuffle(Bytes3, codes));
        return (Join(Vector128.WidenLower(low0), Vector128.WidenLower(high0)), Join(Vector128.WidenUpper(low0), Vector128.WidenUpper(high0)),
            Join(Vector128.WidenLower(low1), Vector128.WidenLower(high1)), Join(Vector128.WidenUpper(low1), Vector128.WidenUpper(high1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> ToCodes(Vector128<byte> ranks) =>
        Vector128.Shuffle(CodeOfRank, ranks & Vector128.Create((byte)0xF));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Rank(Vector256<float> scaled)
    {
        // Permutes look at the lowest three bits of the node, which is its place in its half of the tree.
        Vector256<int> node = Vector256.Create(2) - Vector256.GreaterThan(scaled, Vector256.Create(Tree[1])).AsInt32();
        node = node + node - Vector256.GreaterThan(scaled, Avx2.PermuteVar8x32(UpperTree, node)).AsInt32();
        node = node + node - Vector256.GreaterThan(scaled, Avx2.PermuteVar8x32(UpperTree, node)).AsInt32();
        return node + node - Vector256.GreaterThan(scaled, Avx2.PermuteVar8x32(Leaves, node)).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Rank(Vector128<float> scaled)
    {
        Vector128<int> below = Vector128<int>.Zero;
        for (int i = 0; i < 15; i++)
        {
            below += Vector128.GreaterThan(scaled, Vector128.Create(Midpoints[i])).AsInt32();
        }

        return -below;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> EightLevels(Vector256<int> codes)
    {
        Vector256<float> low = Avx2.PermuteVar8x32(LevelOfCode.GetLower(), codes);
        Vector256<float> high = Avx2.PermuteVar8x32(LevelOfCode.GetUpper(), codes);

        // Bit 3 of the code, moved to the sign, chooses.
        return Avx.BlendVariable(low, high, (codes << 28).AsSingle());
    }

    /// <summary>Low and high bytes to 16-bit lanes: the first eight, the last eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<ushort> Lower, Vector128<ushort> Upper) Zip(Vector128<byte> low, Vector128<byte> high) =>
        (Vector128.WidenLower(low) | (Vector128.WidenLower(high) << 8), Vector128.WidenUpper(low) | (Vector128.WidenUpper(high) << 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Join(Vector128<uint> low, Vector128<uint> high) => (low | (high << 16)).AsSingle();

    private static Vector128<byte> LevelBytes(int index)
    {
        byte[] bytes = new byte[16];
        for (int code = 0; code < 16; code++)
        {
            bytes[code] = (byte)(BitConverter.SingleToUInt32Bits(TLevels.Table.Values[code]) >> (8 * index));
        }

        return Vector128.Create(bytes);
    }

    private static float[] ToTree()
    {
        float[] tree = new float[16];
        for (int node = 1; node < 16; node++)
        {
            // The node's depth, its place in its row, and from them its place in the ascending order.
            int depth = int.Log2(node);
            int place = node - (1 << depth);
            tree[node] = Midpoints[(((2 * place) + 1) << (3 - depth)) - 1];
        }

        return tree;
    }
}
