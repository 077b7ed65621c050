using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>
/// Reads who a certificate speaks of. The platform's reader of alternative names gives host names and addresses only, so this one reads the
/// URIs (RFC 5280, 4.2.1.6).
/// </summary>
public static class CertificateIdentity
{
    private const string AlternativeNames = "2.5.29.17";
    private static readonly Asn1Tag UniformResourceIdentifier = new(TagClass.ContextSpecific, 6);

    /// <summary>
    /// The party that a certificate names; null where it names none, or more than one. It proves nothing before the certificate has been
    /// checked, see <see cref="ProjectTrust"/>.
    /// </summary>
    public static Party? Of(X509Certificate2 certificate)
    {
        X509Extension[] names = [.. certificate.Extensions.Where(extension => extension.Oid?.Value == AlternativeNames)];
        if (names.Length != 1)
        {
            return null;
        }

        try
        {
            AsnReader list = new AsnReader(names[0].RawData, AsnEncodingRules.DER).ReadSequence();
            var uris = new List<string>();
            while (list.HasData)
            {
                if (list.PeekTag().HasSameClassAndValue(UniformResourceIdentifier))
                {
                    uris.Add(list.ReadCharacterString(UniversalTagNumber.IA5String, UniformResourceIdentifier));
                }
                else
                {
                    list.ReadEncodedValue();
                }
            }

            return uris.Count == 1 ? Party.ParseUri(uris[0]) : null;
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return null;
        }
    }
}
