using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>
/// The certificates that a CA has taken back (RFC 5280, 5). The platform makes such lists but reads them from a store of the machine only;
/// this one is read from a file and checked against the CA that it has to be of.
/// </summary>
public sealed class RevocationList
{
    /// <summary>The label of its PEM text.</summary>
    internal const string Label = "X509 CRL";

    private const string EcdsaWithSha256 = "1.2.840.10045.4.3.2";
    private const string NumberExtension = "2.5.29.20";
    private static readonly Asn1Tag Extensions = new(TagClass.ContextSpecific, 0, isConstructed: true);

    private readonly HashSet<string> _serials;

    private RevocationList(BigInteger number, HashSet<string> serials)
    {
        Number = number;
        _serials = serials;
    }

    /// <summary>The list's number: a later list of the same CA has a higher one.</summary>
    public BigInteger Number { get; }

    /// <summary>How many certificates it names.</summary>
    public int Count => _serials.Count;

    /// <summary>Whether it names a certificate.</summary>
    public bool Contains(X509Certificate2 certificate) => _serials.Contains(Serial(certificate.SerialNumberBytes.Span));

    /// <summary>Reads a list.</summary>
    /// <param name="pem">Its PEM text.</param>
    /// <param name="authority">The CA that has to have signed it.</param>
    /// <exception cref="CertificateRefusedException">It is no list, or not one of that CA.</exception>
    public static RevocationList Parse(string pem, X509Certificate2 authority)
    {
        try
        {
            PemFields fields = PemEncoding.Find(pem);
            return pem[fields.Label] == Label
                ? Read(Convert.FromBase64String(pem[fields.Base64Data]), authority)
                : throw new CertificateRefusedException("is no list of revoked certificates (PEM label 'X509 CRL')");
        }
        catch (Exception e) when (e is ArgumentException or FormatException or AsnContentException or CryptographicException)
        {
            throw new CertificateRefusedException($"is no list of revoked certificates: {e.Message}");
        }
    }

    private static RevocationList Read(byte[] der, X509Certificate2 authority)
    {
        var document = new AsnReader(der, AsnEncodingRules.DER);
        AsnReader list = document.ReadSequence();
        document.ThrowIfNotEmpty();
        ReadOnlyMemory<byte> signed = list.PeekEncodedValue();
        AsnReader body = list.ReadSequence();
        string algorithm = list.ReadSequence().ReadObjectIdentifier();
        byte[] signature = list.ReadBitString(out _);
        list.ThrowIfNotEmpty();

        using ECDsa? key = authority.GetECDsaPublicKey();
        if (algorithm != EcdsaWithSha256 || key is null
            || !key.VerifyData(signed.Span, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))
        {
            throw new CertificateRefusedException("was not signed by this project's CA");
        }

        return ReadBody(body);
    }

    private static RevocationList ReadBody(AsnReader body)
    {
        if (body.PeekTag() == Asn1Tag.Integer)
        {
            body.ReadInteger();
        }

        body.ReadSequence(); // the algorithm once more
        body.ReadSequence(); // the issuer, whose signature has been checked
        ReadTime(body);
        if (body.HasData && IsTime(body.PeekTag()))
        {
            ReadTime(body);
        }

        var serials = new HashSet<string>(StringComparer.Ordinal);
        if (body.HasData && body.PeekTag() == Asn1Tag.Sequence)
        {
            AsnReader entries = body.ReadSequence();
            while (entries.HasData)
            {
                serials.Add(Serial(entries.ReadSequence().ReadIntegerBytes().Span));
            }
        }

        BigInteger number = BigInteger.Zero;
        if (body.HasData)
        {
            AsnReader extensions = body.ReadSequence(Extensions).ReadSequence();
            while (extensions.HasData)
            {
                number = ReadNumber(extensions.ReadSequence()) ?? number;
            }
        }

        body.ThrowIfNotEmpty();
        return new RevocationList(number, serials);
    }

    private static BigInteger? ReadNumber(AsnReader extension)
    {
        string kind = extension.ReadObjectIdentifier();
        if (extension.PeekTag() == Asn1Tag.Boolean)
        {
            // An extension that has to be understood, such as that the list is only a part of all: this reader understands none.
            if (extension.ReadBoolean())
            {
                throw new CertificateRefusedException($"has the critical extension {kind}, which is not understood here");
            }
        }

        byte[] value = extension.ReadOctetString();
        return kind == NumberExtension ? new AsnReader(value, AsnEncodingRules.DER).ReadInteger() : null;
    }

    private static bool IsTime(Asn1Tag tag) => tag == Asn1Tag.UtcTime || tag == Asn1Tag.GeneralizedTime;

    private static void ReadTime(AsnReader reader)
    {
        if (reader.PeekTag() == Asn1Tag.UtcTime)
        {
            reader.ReadUtcTime();
        }
        else
        {
            reader.ReadGeneralizedTime();
        }
    }

    private static string Serial(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes.TrimStart((byte)0));
}
