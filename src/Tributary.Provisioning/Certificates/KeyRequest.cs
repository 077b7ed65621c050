using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>
/// A request to certify a key (PKCS#10, RFC 2986). It proves that whoever made it holds the key, and nothing else: what it says of names
/// and extensions is not even read, since the signer decides these.
/// </summary>
public static class KeyRequest
{
    private static readonly string[] Curves = ["1.2.840.10045.3.1.7", "1.3.132.0.34"];

    /// <summary>Makes a request for a key.</summary>
    /// <param name="name">A name for people; it stands as the subject.</param>
    /// <param name="key">The key.</param>
    public static string Make(string name, ECDsa key)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(name);
        return new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
    }

    /// <summary>Reads the key out of a request.</summary>
    /// <param name="pem">The request.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <exception cref="ProvisioningException">It is no request, is not signed with its own key, or the key is of a kind that is not taken.</exception>
    public static PublicKey ReadKey(string pem, string name)
    {
        CertificateRequest request;
        try
        {
            // The signature is checked, and extensions are skipped, unless one asks for the opposite of either.
            request = CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw new ProvisioningException($"{name} is no valid request: {e.Message}; make one with 'provision request'", e);
        }

        using ECDsa? key = request.PublicKey.GetECDsaPublicKey();
        string? curve = key?.ExportParameters(includePrivateParameters: false).Curve.Oid.Value;
        return Curves.Contains(curve)
            ? request.PublicKey
            : throw new ProvisioningException($"{name} asks for a key of another kind than ECDSA P-256 or P-384; make one with 'provision request'");
    }
}
