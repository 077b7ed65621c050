using System.Security.Cryptography;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>One holder's share of a secret.</summary>
/// <param name="Number">Where the polynomials were evaluated, from 1 to 255.</param>
/// <param name="Bytes">As many bytes as the secret has.</param>
public sealed record SecretShare(byte Number, byte[] Bytes);

/// <summary>
/// Secrets in shares of which any <c>threshold</c> give the secret and fewer say nothing of it (Shamir 1979, How to Share a Secret): for each byte a polynomial over GF(256) whose
/// value at 0 is the byte. A share that was changed gives another secret, so what is put together is to be compared with something.
/// </summary>
public static class ShamirSharing
{
    /// <summary>The largest number of shares.</summary>
    public const int SharesMax = 255;

    /// <summary>Divides a secret, with coefficients of the operating system's generator.</summary>
    /// <param name="secret">The secret.</param>
    /// <param name="threshold">How many shares give it, from 1 to <paramref name="count"/>.</param>
    /// <param name="count">The shares, up to <see cref="SharesMax"/>; they are numbered from 1.</param>
    public static SecretShare[] Split(ReadOnlySpan<byte> secret, int threshold, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, SharesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(threshold, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, count);
        byte[] coefficients = RandomNumberGenerator.GetBytes((threshold - 1) * secret.Length);
        SecretShare[] shares = Split(secret, coefficients, count);
        CryptographicOperations.ZeroMemory(coefficients);
        return shares;
    }

    /// <summary>The secret that shares are of.</summary>
    /// <param name="shares">At least as many as the threshold, of different numbers and the same length.</param>
    public static byte[] Combine(IReadOnlyList<SecretShare> shares)
    {
        ArgumentNullException.ThrowIfNull(shares);
        if (shares.Count == 0 || shares.Select(share => share.Number).Distinct().Count() != shares.Count || shares.Any(share => share.Number == 0 || share.Bytes.Length != shares[0].Bytes.Length))
        {
            throw new ArgumentException("Shares have different numbers from 1 and the same length.", nameof(shares));
        }

        byte[] secret = new byte[shares[0].Bytes.Length];
        foreach (SecretShare share in shares)
        {
            // Lagrange's polynomial of this share, at 0. Subtracting is XOR, too.
            byte weight = 1;
            foreach (SecretShare other in shares.Where(other => other != share))
            {
                weight = GaloisField256.Multiply(weight, GaloisField256.Multiply(other.Number, GaloisField256.Inverse((byte)(other.Number ^ share.Number))));
            }

            for (int i = 0; i < secret.Length; i++)
            {
                secret[i] ^= GaloisField256.Multiply(share.Bytes[i], weight);
            }
        }

        return secret;
    }

    /// <summary>The same with given coefficients: first those of x for all bytes, then those of x^2, and so on.</summary>
    internal static SecretShare[] Split(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> coefficients, int count)
    {
        var shares = new SecretShare[count];
        for (int number = 1; number <= count; number++)
        {
            byte[] bytes = new byte[secret.Length];
            for (int i = 0; i < bytes.Length; i++)
            {
                byte value = 0;
                for (int at = coefficients.Length - secret.Length + i; at >= 0; at -= secret.Length)
                {
                    value = (byte)(GaloisField256.Multiply(value, number) ^ coefficients[at]);
                }

                bytes[i] = (byte)(GaloisField256.Multiply(value, number) ^ secret[i]);
            }

            shares[number - 1] = new SecretShare((byte)number, bytes);
        }

        return shares;
    }
}
