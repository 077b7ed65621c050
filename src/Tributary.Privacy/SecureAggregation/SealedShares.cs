using System.Security.Cryptography;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>What one site holds of another's two secrets.</summary>
/// <param name="MaskKey">Its share of the private mask key, which is asked for if the owner drops out.</param>
/// <param name="Seed">Its share of the self mask's seed, which is asked for if the owner stays.</param>
internal sealed record HeldShares(byte[] MaskKey, byte[] Seed)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int PlainBytes = 2 * AgreementKey.SecretBytes;

    /// <summary>Encrypts them to their holder: AES-256-GCM, as nonce, ciphertext and tag.</summary>
    public byte[] Seal(AggregationRound round, AgreementKey key, byte[] publicKey, string from, string to)
    {
        byte[] sealedBytes = new byte[NonceBytes + PlainBytes + TagBytes];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceBytes));
        byte[] plain = [.. MaskKey, .. Seed];
        using var aes = new AesGcm(key.ShareKey(round, publicKey, from, to), TagBytes);
        aes.Encrypt(sealedBytes.AsSpan(0, NonceBytes), plain, sealedBytes.AsSpan(NonceBytes, PlainBytes), sealedBytes.AsSpan(NonceBytes + PlainBytes));
        CryptographicOperations.ZeroMemory(plain);
        return sealedBytes;
    }

    /// <summary>Decrypts them as their holder.</summary>
    public static HeldShares Open(AggregationRound round, AgreementKey key, byte[] publicKey, EncryptedShare share)
    {
        if (share.Ciphertext.Length == NonceBytes + PlainBytes + TagBytes)
        {
            byte[] plain = new byte[PlainBytes];
            using var aes = new AesGcm(key.ShareKey(round, publicKey, share.From, share.To), TagBytes);
            try
            {
                ReadOnlySpan<byte> bytes = share.Ciphertext;
                aes.Decrypt(bytes[..NonceBytes], bytes.Slice(NonceBytes, PlainBytes), bytes[(NonceBytes + PlainBytes)..], plain);
                return new HeldShares(plain[..AgreementKey.SecretBytes], plain[AgreementKey.SecretBytes..]);
            }
            catch (AuthenticationTagMismatchException)
            {
                // The same error as for a wrong length.
            }
        }

        throw new SecureAggregationException($"the shares of '{share.From}' for '{share.To}' cannot be decrypted: they were changed on the way, or are of another round or another pair");
    }
}
