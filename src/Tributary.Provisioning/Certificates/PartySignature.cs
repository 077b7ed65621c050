using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Tributary.Provisioning;

/// <summary>
/// A text that a party has signed with its kit's key: ECDSA P-256 over SHA-256 of the text and of what it is, so that a signature of one kind of
/// document is none of another. What is signed is framed as DSSE frames it (the secure systems lab's envelope, version 1).
/// </summary>
/// <param name="Text">The text, byte for byte as it was signed (UTF-8).</param>
/// <param name="Signature">The signature, base64 of DER.</param>
/// <param name="Certificate">The signer's certificate, PEM.</param>
public sealed record PartySignature(string Text, string Signature, string Certificate)
{
    /// <summary>Signs a text.</summary>
    /// <param name="type">What kind of document it is, such as <c>application/vnd.tributary.job+json</c>.</param>
    /// <param name="text">The text.</param>
    /// <param name="kit">The signer's kit.</param>
    public static PartySignature Sign(string type, string text, Kit kit)
    {
        using ECDsa key = kit.Certificate.GetECDsaPrivateKey() ?? throw new ProvisioningException($"the key of {kit.Party} is no elliptic-curve key, which signatures need");
        byte[] signature = key.SignData(Framed(type, text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return new PartySignature(text, Convert.ToBase64String(signature), kit.Certificate.ExportCertificatePem());
    }

    /// <summary>A signature beside its text, as <see cref="Detached"/> gives it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="detached">Signature and certificate; what is none is refused when it is checked.</param>
    public static PartySignature Attach(string text, byte[] detached)
    {
        string[] parts = Encoding.UTF8.GetString(detached).Split('\n', 2);
        return new PartySignature(text, parts[0], parts.Length == 2 ? parts[1] : string.Empty);
    }

    /// <summary>Signature and certificate without the text, for a receiver that knows it.</summary>
    public byte[] Detached() => Encoding.UTF8.GetBytes($"{Signature}\n{Certificate}");

    /// <summary>Checks signature and certificate, and gives who has signed.</summary>
    /// <param name="type">What kind of document it has to be.</param>
    /// <param name="trust">What the certificate is held against, at this moment.</param>
    /// <exception cref="CertificateRefusedException">The certificate is not one of the project's that is valid now, or the signature is not of it and this text.</exception>
    public Party Require(string type, ProjectTrust trust)
    {
        X509Certificate2 certificate;
        try
        {
            certificate = X509Certificate2.CreateFromPem(Certificate);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new CertificateRefusedException($"the signer's certificate cannot be read: {e.Message}");
        }

        using (certificate)
        {
            _ = trust.Refresh();
            Party party = trust.Require(certificate);
            using ECDsa? key = certificate.GetECDsaPublicKey();
            byte[] signature = new byte[Signature.Length];
            return key is not null && Convert.TryFromBase64String(Signature, signature, out int length)
                && key.VerifyData(Framed(type, Text), signature.AsSpan(0, length), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
                ? party
                : throw new CertificateRefusedException($"the signature is not one of {party} over this text: one of them has been changed");
        }
    }

    private static byte[] Framed(string type, string text)
    {
        int bytes = Encoding.UTF8.GetByteCount(text);
        return Encoding.UTF8.GetBytes($"DSSEv1 {Encoding.UTF8.GetByteCount(type)} {type} {bytes} {text}");
    }
}
