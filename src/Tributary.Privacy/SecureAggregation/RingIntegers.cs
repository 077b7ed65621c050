using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tributary.Privacy.Rings;
using Tributary.Tensors;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>Ring elements as tensors: every tensor is U32, every element below 2^k.</summary>
internal static class RingIntegers
{
    private const int StripElements = 1 << 16;

    /// <summary>The longest strip that is read at once, in bytes; a multiple of what strips are aligned to.</summary>
    public const int StripBytes = StripElements * sizeof(uint);

    public static void Require(TensorManifest manifest)
    {
        if (manifest.FirstOrDefault(entry => !entry.IsDense || entry.Spec.DType != DType.U32) is { } other)
        {
            throw new TensorFormatException(
                $"tensor '{other.Spec.Name}' is {other.Spec.DType.Name()} in {other.Encoding.Name} tiles, but masks are for integers of a ring, which are U32; round it to the ring first");
        }
    }

    /// <summary>Reads a strip and checks it.</summary>
    public static Span<uint> Read(TensorSource source, RingGrid grid, Tile tile, int offset, Span<byte> destination)
    {
        source.Read(tile, offset, destination);
        Span<uint> elements = MemoryMarshal.Cast<byte, uint>(destination);
        return elements.IsEmpty || TensorPrimitives.Max<uint>(elements) <= grid.Mask
            ? elements
            : throw new TensorFormatException($"tensor '{source.Manifest[tile.Tensor].Spec.Name}' has an integer that is not one of {grid.Bits} bits");
    }

    /// <summary>The place in its tensor of a strip's first element.</summary>
    public static long PlaceOf(Tile tile, int offset) => (tile.Index * Tile.ElementsMax) + (offset / sizeof(uint));

    /// <summary>SHA-256 over names, shapes and all elements: one pass.</summary>
    public static byte[] Digest(TensorSource source, RingGrid grid)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(CanonicalBytes.Of(source.Manifest.Select(entry => entry.Spec.ToString())));
        using NativeBuffer buffer = NativeBuffer.Rent(StripBytes);
        foreach (Tile tile in source.Manifest.Tiles())
        {
            int length = source.Manifest[tile.Tensor].TileBytes(tile.Index);
            for (int offset = 0; offset < length; offset += StripBytes)
            {
                Span<byte> strip = buffer.Bytes[..Math.Min(StripBytes, length - offset)];
                _ = Read(source, grid, tile, offset, strip);
                hash.AppendData(strip);
            }
        }

        return hash.GetHashAndReset();
    }
}
