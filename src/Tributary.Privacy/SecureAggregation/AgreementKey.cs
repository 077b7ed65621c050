using System.Numerics;
using System.Security.Cryptography;
using Tributary.Privacy.Noise;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>One of a site's two key pairs of a round, P-256, made by the operating system's generator. With another's public half both come to the same keys, and nobody else does.</summary>
internal sealed class AgreementKey : IDisposable
{
    /// <summary>The bytes of a private key.</summary>
    public const int SecretBytes = 32;

    private const byte Uncompressed = 4;
    private const int CoordinateBytes = 32;

    private static readonly BigInteger Prime = (BigInteger.One << 256) - (BigInteger.One << 224) + (BigInteger.One << 192) + (BigInteger.One << 96) - 1;
    private static readonly BigInteger Constant = new(Convert.FromHexString("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"), isUnsigned: true, isBigEndian: true);

    private readonly ECDiffieHellman _key;

    private AgreementKey(ECDiffieHellman key)
    {
        ECParameters parameters = key.ExportParameters(includePrivateParameters: false);
        (_key, PublicKey) = (key, [Uncompressed, .. parameters.Q.X!, .. parameters.Q.Y!]);
    }

    /// <summary>The public half: an uncompressed point (SEC 1, section 2.3.3), 65 bytes.</summary>
    public byte[] PublicKey { get; }

    public static AgreementKey Create() => new(ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>A key pair from its private half, as shares give it back.</summary>
    /// <exception cref="CryptographicException">It is none.</exception>
    public static AgreementKey FromSecret(byte[] secret) => new(ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = secret }));

    /// <summary>Whether bytes are a point of the curve: y^2 = x^3 - 3 x + b modulo p, and its group has no smaller ones (SP 800-186, section 3.2.1.3).</summary>
    /// <remarks>The system checks a point when it is used, too, with a multiplication that takes fifty times as long; a site looks at the keys of all sites, and uses its neighbours'.</remarks>
    public static bool IsPublicKey(byte[] publicKey)
    {
        if (!IsUncompressed(publicKey))
        {
            return false;
        }

        var x = new BigInteger(publicKey.AsSpan(1, CoordinateBytes), isUnsigned: true, isBigEndian: true);
        var y = new BigInteger(publicKey.AsSpan(1 + CoordinateBytes), isUnsigned: true, isBigEndian: true);
        return x < Prime && y < Prime && ((y * y) - (x * x * x) + (3 * x) - Constant) % Prime == 0;
    }

    /// <summary>The private half.</summary>
    public byte[] ExportSecret() => _key.ExportParameters(includePrivateParameters: true).D!;

    /// <summary>The seed of the mask between two sites: HKDF-SHA-256 (RFC 5869) bound to job, round, model and roster by the round's digest, and to both names in their order.</summary>
    public NoiseKey PairSeed(AggregationRound round, byte[] publicKey, string one, string other)
    {
        (string first, string second) = string.CompareOrdinal(one, other) < 0 ? (one, other) : (other, one);
        return new NoiseKey(Derive(publicKey, CanonicalBytes.Of("pair mask", round.Digest, round.Job, round.Round, round.ModelDigest, first, second)));
    }

    /// <summary>The key that one site's shares for another are encrypted with: another one in each direction.</summary>
    public byte[] ShareKey(AggregationRound round, byte[] publicKey, string from, string to) => Derive(publicKey, CanonicalBytes.Of("shares", round.Digest, from, to));

    public void Dispose() => _key.Dispose();

    internal byte[] Agree(byte[] publicKey)
    {
        using ECDiffieHellman other = Import(publicKey);
        return _key.DeriveRawSecretAgreement(other.PublicKey);
    }

    private static bool IsUncompressed(byte[] publicKey) => publicKey.Length == 1 + (2 * CoordinateBytes) && publicKey[0] == Uncompressed;

    private static ECDiffieHellman Import(byte[] publicKey)
    {
        if (!IsUncompressed(publicKey))
        {
            throw new CryptographicException("A public key is an uncompressed point of P-256.");
        }

        var point = new ECPoint { X = publicKey[1..(1 + CoordinateBytes)], Y = publicKey[(1 + CoordinateBytes)..] };
        return ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point });
    }

    private byte[] Derive(byte[] publicKey, byte[] info)
    {
        byte[] agreed = Agree(publicKey);
        byte[] key = HKDF.DeriveKey(HashAlgorithmName.SHA256, agreed, NoiseKey.Length, info: info);
        CryptographicOperations.ZeroMemory(agreed);
        return key;
    }
}
