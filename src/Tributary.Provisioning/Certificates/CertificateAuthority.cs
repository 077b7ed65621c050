using System.Net;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>
/// The project's CA: a folder of its own with its key, its certificate, every certificate that it has issued and the list of those that it
/// has taken back. Whoever holds this folder decides who takes part; no other party needs it.
/// </summary>
internal sealed class CertificateAuthority : IDisposable
{
    private const string KeyFile = "ca-key.pem";
    private const string IssuedFolder = "issued";
    private const int SerialBytes = 16;

    // What a clock of another machine may be behind.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromHours(1);
    private static readonly HashAlgorithmName Hash = HashAlgorithmName.SHA256;
    private static readonly Oid ServerAuthentication = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    private readonly string _folder;
    private readonly FolderLock _lock;
    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _time;

    private CertificateAuthority(string folder, FolderLock taken, X509Certificate2 certificate, TimeProvider time)
    {
        _folder = folder;
        _lock = taken;
        _certificate = certificate;
        _time = time;
    }

    public string CertificatePem => _certificate.ExportCertificatePem() + "\n";

    public string RevocationPem => PemFiles.ReadText(Path.Combine(_folder, KitFiles.Revoked));

    public DateTimeOffset NotAfter => _certificate.Ends();

    /// <summary>Opens the CA of a folder; makes one where there is none and <paramref name="create"/> says how.</summary>
    /// <exception cref="ProvisioningException">There is none, or its files cannot be used.</exception>
    /// <exception cref="IOException">Another run works there, or the folder cannot be written.</exception>
    public static CertificateAuthority Open(string folder, (string Project, int Days)? create, TimeProvider time)
    {
        if (!Directory.Exists(folder))
        {
            (string project, int days) = create ?? throw new ProvisioningException($"{folder}: the project's CA is not there; 'provision' makes it, and only its holder can do this");
            DurableFiles.WriteFolder(folder, target => Fill(target, project, days, time));
        }

        FolderLock taken = FolderLock.Take(folder, "provision command");
        try
        {
            using X509Certificate2 certificate = PemFiles.ReadCertificate(Path.Combine(folder, KitFiles.Authority));
            using ECDsa key = PemFiles.ReadKey(Path.Combine(folder, KeyFile));
            return PemFiles.Fits(key, certificate)
                ? new CertificateAuthority(folder, taken, certificate.CopyWithPrivateKey(key), time)
                : throw new ProvisioningException($"{folder}: {KeyFile} does not fit {KitFiles.Authority}; put back the pair as it was");
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Signs a certificate; nothing is written yet, see <see cref="Record"/>.</summary>
    /// <param name="party">Whose it is.</param>
    /// <param name="key">The party's key.</param>
    /// <param name="addresses">The host names and addresses that a server is reached at.</param>
    /// <param name="days">How long it is valid; never beyond the CA's own end.</param>
    public X509Certificate2 Issue(Party party, PublicKey key, IReadOnlyList<string> addresses, int days)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(party.Name);
        subject.AddOrganizationalUnitName(Party.Word(party.Role));
        var request = new CertificateRequest(subject.Build(), key, Hash);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(party.Uri));
        foreach (string address in addresses)
        {
            if (IPAddress.TryParse(address, out IPAddress? number))
            {
                names.AddIpAddress(number);
            }
            else
            {
                names.AddDnsName(address);
            }
        }

        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([party.Role == PartyRole.Server ? ServerAuthentication : ClientAuthentication], critical: true));
        request.CertificateExtensions.Add(names.Build(critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));

        DateTimeOffset now = _time.GetUtcNow();
        DateTimeOffset from = Later(now - ClockSkew, _certificate.Begins());
        DateTimeOffset until = now.AddDays(days);
        if (NotAfter <= now)
        {
            throw new ProvisioningException($"{_folder}: the CA's certificate expired at {Validity.Text(NotAfter)}; a new project folder, with kits for everybody, is needed");
        }

        return request.Create(_certificate, from, until < NotAfter ? until : NotAfter, NewSerial());
    }

    /// <summary>Notes a certificate as issued. To be called when whoever it is for has it: a certificate that nobody got was not issued.</summary>
    public void Record(X509Certificate2 certificate)
    {
        string path = Path.Combine(_folder, IssuedFolder, certificate.SerialNumber.ToLowerInvariant() + ".pem");
        if (!File.Exists(path))
        {
            DurableFiles.Write(path, certificate.ExportCertificatePem() + "\n");
        }
    }

    /// <summary>The certificates of a party that were issued, revoked or not, the newest first.</summary>
    public IReadOnlyList<X509Certificate2> IssuedTo(Party party)
    {
        var found = new List<X509Certificate2>();
        foreach (string path in Directory.GetFiles(Path.Combine(_folder, IssuedFolder), "*.pem"))
        {
            X509Certificate2 certificate = PemFiles.ReadCertificate(path);
            if (CertificateIdentity.Of(certificate) == party)
            {
                found.Add(certificate);
            }
            else
            {
                certificate.Dispose();
            }
        }

        return [.. found.OrderByDescending(certificate => certificate.Ends()).ThenByDescending(certificate => certificate.Begins())];
    }

    public RevocationList Revocations() => RevocationList.Parse(RevocationPem, _certificate);

    /// <summary>Takes certificates back: a new list, with the next number, replaces the one before.</summary>
    public void Revoke(IEnumerable<X509Certificate2> certificates)
    {
        var builder = CertificateRevocationListBuilder.LoadPem(RevocationPem, out BigInteger number);
        foreach (X509Certificate2 certificate in certificates)
        {
            builder.AddEntry(certificate, _time.GetUtcNow());
        }

        DurableFiles.Write(Path.Combine(_folder, KitFiles.Revoked), Sign(builder, _certificate, number + 1, _time));
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _lock.Dispose();
    }

    private static void Fill(string folder, string project, int days, TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName($"{project} CA");
        var request = new CertificateRequest(subject.Build(), key, Hash);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        DateTimeOffset now = time.GetUtcNow();
        using X509Certificate2 certificate = request.Create(
            request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), now - ClockSkew, now.AddDays(days), NewSerial());
        using X509Certificate2 signer = certificate.CopyWithPrivateKey(key);
        DurableFiles.MakeFolder(Path.Combine(folder, IssuedFolder));
        DurableFiles.Write(Path.Combine(folder, KeyFile), key.ExportPkcs8PrivateKeyPem() + "\n", FileKind.Private);
        DurableFiles.Write(Path.Combine(folder, KitFiles.Authority), certificate.ExportCertificatePem() + "\n");
        DurableFiles.Write(Path.Combine(folder, KitFiles.Revoked), Sign(new CertificateRevocationListBuilder(), signer, BigInteger.One, time));
    }

    /// <summary>A list is good until the next one or the CA's end: it is copied by hand, so a short life would stop federations and not intruders.</summary>
    private static string Sign(CertificateRevocationListBuilder builder, X509Certificate2 certificate, BigInteger number, TimeProvider time) =>
        PemEncoding.WriteString(RevocationList.Label, builder.Build(certificate, number, certificate.Ends(), Hash, rsaSignaturePadding: null, time.GetUtcNow())) + "\n";

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static byte[] NewSerial()
    {
        byte[] serial = RandomNumberGenerator.GetBytes(SerialBytes);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40); // positive, and of the same length always
        return serial;
    }
}
