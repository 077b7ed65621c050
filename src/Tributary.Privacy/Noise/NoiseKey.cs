using System.Security.Cryptography;
using System.Text;

namespace Tributary.Privacy.Noise;

/// <summary>
/// What a round's noise is made of: 256 bits of the operating system's generator. Whoever has it can subtract the noise, so it stays with its party and is
/// discarded when the round's message is safe. Two messages under one key differ by what they say, and not by noise: a key is for one message.
/// </summary>
public sealed class NoiseKey
{
    /// <summary>The bytes of a key.</summary>
    public const int Length = 32;

    private readonly byte[] _bytes;

    /// <summary>A key that is there already.</summary>
    /// <param name="bytes">Its <see cref="Length"/> bytes.</param>
    public NoiseKey(ReadOnlySpan<byte> bytes) =>
        _bytes = bytes.Length == Length ? bytes.ToArray() : throw new ArgumentException($"A noise key has {Length} bytes, not {bytes.Length}.", nameof(bytes));

    /// <summary>SHA-256 over the key in hexadecimal digits: tells keys apart and tells nothing of them.</summary>
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(_bytes));

    /// <summary>A new key, from the operating system's generator.</summary>
    public static NoiseKey Create() => new(RandomNumberGenerator.GetBytes(Length));

    /// <summary>A key of its own for each use and tensor (HKDF-SHA-256, RFC 5869), so that no two streams have a block in common.</summary>
    internal byte[] Derive(string purpose, string tensor) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _bytes, Length, info: Encoding.UTF8.GetBytes($"tributary noise\0{purpose}\0{tensor}"));

    internal ReadOnlySpan<byte> Bytes => _bytes;
}
