using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>
/// Makes a project's CA and the kits of its parties, in one folder. A kit stands there whole or not at all, and a certificate is noted as issued
/// once its kit stands there: a run that was killed is mended by the next.
/// </summary>
public sealed class Provisioner
{
    private const string AuthorityName = "ca";
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    private readonly string _kits;
    private readonly TimeProvider _time;

    /// <summary>Works in a folder of kits.</summary>
    /// <param name="kits">The folder; the CA's own is <c>ca</c> below it.</param>
    /// <param name="time">The clock.</param>
    public Provisioner(string kits, TimeProvider time)
    {
        _kits = kits;
        _time = time;
    }

    private string AuthorityFolder => Path.Combine(_kits, AuthorityName);

    /// <summary>Makes the CA, if there is none, and a kit for each party that has none. What is there is kept.</summary>
    /// <param name="project">The project.</param>
    /// <param name="report">Told of each party when it is done.</param>
    /// <param name="cancellationToken">Ends the run; the next one goes on.</param>
    /// <exception cref="ProvisioningException">The CA's files cannot be used.</exception>
    /// <exception cref="IOException">A file cannot be written, or another run works in the folder.</exception>
    public ProvisioningReport Provision(ProjectFile project, Action<ProvisionedParty> report, CancellationToken cancellationToken)
    {
        DurableFiles.MakeFolder(_kits);
        using var authority = CertificateAuthority.Open(AuthorityFolder, (project.Name, project.AuthorityDays), _time);
        RevocationList revoked = authority.Revocations();
        var parties = new List<ProvisionedParty>();
        foreach (Party party in project.Parties)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ProvisionedParty done = ProvisionOne(project, party, authority, revoked);
            parties.Add(done);
            report(done);
        }

        return Report(authority, parties);
    }

    /// <summary>Issues a certificate for the key of a request, and makes a kit without a key.</summary>
    /// <param name="project">The project.</param>
    /// <param name="party">Who the signer says it is; what the request says does not matter.</param>
    /// <param name="requestPem">The request.</param>
    /// <param name="requestName">What to call the request in errors.</param>
    /// <exception cref="ProvisioningException">The party is none that makes its own key, or the request cannot be used.</exception>
    /// <exception cref="IOException">A file cannot be written, or another run works in the folder.</exception>
    public ProvisioningReport Sign(ProjectFile project, Party party, string requestPem, string requestName)
    {
        if (party.Role != PartyRole.Site || !project.OwnKeys.Contains(party.Name, StringComparer.Ordinal))
        {
            throw new ProvisioningException($"{party} is no site that makes its own key; name it under 'own_keys' in the project file");
        }

        PublicKey key = KeyRequest.ReadKey(requestPem, requestName);
        DurableFiles.MakeFolder(_kits);
        using var authority = CertificateAuthority.Open(AuthorityFolder, (project.Name, project.AuthorityDays), _time);
        RevocationList revoked = authority.Revocations();
        KitFolder kit = Mended(party, authority, revoked);
        using X509Certificate2 certificate = authority.Issue(party, key, [], project.CertificateDays);
        Deliver(kit, project, certificate, authority);
        string advice = $"give the site its kit, without which it is nobody; it puts its own {KitFiles.Key} in there";
        return Report(authority, [new ProvisionedParty(party, PartyState.Created, kit.Path, certificate.Ends(), advice)]);
    }

    /// <summary>
    /// Issues new certificates for the keys that parties have, under the same names. The ones before stay valid until they end, so that
    /// nothing stops while they are being exchanged.
    /// </summary>
    /// <exception cref="ProvisioningException">A party is not in the project or has no certificate that could be renewed.</exception>
    /// <exception cref="IOException">A file cannot be written, or another run works in the folder.</exception>
    public ProvisioningReport Renew(ProjectFile project, IReadOnlyList<Party> parties)
    {
        foreach (Party party in parties)
        {
            if (!project.Parties.Contains(party))
            {
                throw new ProvisioningException($"{party} is not in the project file; it names {string.Join(", ", project.Parties)}");
            }
        }

        using var authority = CertificateAuthority.Open(AuthorityFolder, create: null, _time);
        RevocationList revoked = authority.Revocations();
        var renewed = new List<ProvisionedParty>();
        foreach (Party party in parties)
        {
            KitFolder kit = Mended(party, authority, revoked);
            X509Certificate2 newest = authority.IssuedTo(party).FirstOrDefault(certificate => !revoked.Contains(certificate))
                ?? throw new ProvisioningException($"{party} has no certificate that could be renewed; run 'provision' for a kit");
            using X509Certificate2 certificate = authority.Issue(party, newest.PublicKey, AddressesOf(project, party), project.CertificateDays);
            Deliver(kit, project, certificate, authority);
            string advice = $"copy {Path.Combine(kit.Path, KitFiles.Certificate)} over the one that {party} uses, and start it again";
            renewed.Add(new ProvisionedParty(party, PartyState.Renewed, kit.Path, certificate.Ends(), advice));
        }

        return Report(authority, renewed);
    }

    /// <summary>Takes back every certificate of parties, whether they are in a project file or not, and puts the new list into all kits here.</summary>
    /// <exception cref="ProvisioningException">A party has no certificate that could be taken back.</exception>
    /// <exception cref="IOException">A file cannot be written, or another run works in the folder.</exception>
    public ProvisioningReport Revoke(IReadOnlyList<Party> parties)
    {
        using var authority = CertificateAuthority.Open(AuthorityFolder, create: null, _time);
        RevocationList before = authority.Revocations();
        var certificates = new List<X509Certificate2>();
        foreach (Party party in parties.Distinct())
        {
            Mended(party, authority, before);
            IReadOnlyList<X509Certificate2> issued = authority.IssuedTo(party);
            certificates.AddRange(issued.Count > 0
                ? issued.Where(certificate => !before.Contains(certificate))
                : throw new ProvisioningException($"{party} has no certificate that could be revoked"));
        }

        if (certificates.Count > 0)
        {
            authority.Revoke(certificates);
        }

        RevocationList now = authority.Revocations();
        foreach (Party party in Kits())
        {
            Mended(party, authority, now);
        }

        string list = Path.Combine(AuthorityFolder, KitFiles.Revoked);
        string advice = $"copy {list} to the server, where it counts from that moment, and to every site; take the name out of the project file, or the next 'provision' makes a new kit for it";
        return Report(authority, [.. parties.Distinct().Select(party => new ProvisionedParty(party, PartyState.Revoked, null, null, advice))]);
    }

    private static IReadOnlyList<string> AddressesOf(ProjectFile project, Party party) => party == project.Server ? project.Addresses : [];

    private ProvisionedParty ProvisionOne(ProjectFile project, Party party, CertificateAuthority authority, RevocationList revoked)
    {
        KitFolder kit = Mended(party, authority, revoked);
        X509Certificate2? newest = authority.IssuedTo(party).FirstOrDefault(issued => !revoked.Contains(issued));
        if (newest is not null && (kit.Exists || newest.Ends() > _time.GetUtcNow()))
        {
            return new ProvisionedParty(party, PartyState.Kept, kit.Exists ? kit.Path : null, newest.Ends(), Advise(project, party, newest));
        }

        if (party.Role == PartyRole.Site && project.OwnKeys.Contains(party.Name, StringComparer.Ordinal))
        {
            string advice = $"the site runs 'provision request {party.Name}' and sends you what comes of it, which you sign ('provision sign')";
            return new ProvisionedParty(party, PartyState.AwaitsRequest, null, null, advice);
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = authority.Issue(party, new PublicKey(key), AddressesOf(project, party), project.CertificateDays);
        kit.Create(project, certificate, key, authority.CertificatePem, authority.RevocationPem, _time);
        authority.Record(certificate);
        return new ProvisionedParty(party, PartyState.Created, kit.Path, certificate.Ends(), null);
    }

    /// <summary>A party's kit, after what a killed run may have left undone: its certificate noted, the newest list, its zip; gone if revoked.</summary>
    private KitFolder Mended(Party party, CertificateAuthority authority, RevocationList revoked)
    {
        var kit = new KitFolder(_kits, party);
        if (kit.Exists)
        {
            using X509Certificate2 certificate = kit.ReadCertificate();
            authority.Record(certificate);
            if (revoked.Contains(certificate))
            {
                kit.MoveAway(_kits, certificate.SerialNumber);
            }
            else
            {
                kit.Update(authority.RevocationPem, _time);
            }
        }

        return kit;
    }

    private void Deliver(KitFolder kit, ProjectFile project, X509Certificate2 certificate, CertificateAuthority authority)
    {
        if (kit.Exists)
        {
            kit.Replace(certificate, _time);
        }
        else
        {
            kit.Create(project, certificate, key: null, authority.CertificatePem, authority.RevocationPem, _time);
        }

        authority.Record(certificate);
    }

    /// <summary>The parties of which there is a kit here, in the project file or not.</summary>
    private IEnumerable<Party> Kits()
    {
        string server = Path.Combine(_kits, Party.Word(PartyRole.Server));
        if (Directory.Exists(server))
        {
            using X509Certificate2 certificate = PemFiles.ReadCertificate(Path.Combine(server, KitFiles.Certificate));
            if (CertificateIdentity.Of(certificate) is { } party)
            {
                yield return party;
            }
        }

        foreach (PartyRole role in new[] { PartyRole.Site, PartyRole.Admin, PartyRole.Viewer })
        {
            string folder = Path.Combine(_kits, Party.Word(role) + "s");
            foreach (string kit in Directory.Exists(folder) ? Directory.GetDirectories(folder) : [])
            {
                if (Party.Parse($"{Party.Word(role)}/{Path.GetFileName(kit)}") is { } party)
                {
                    yield return party;
                }
            }
        }
    }

    private string? Advise(ProjectFile project, Party party, X509Certificate2 certificate)
    {
        TimeSpan left = certificate.Ends() - _time.GetUtcNow();
        if (left < RenewBefore)
        {
            string when = left > TimeSpan.Zero ? $"ends at {Validity.Text(certificate.Ends())}" : $"ended at {Validity.Text(certificate.Ends())}";
            return $"its certificate {when}; run 'provision renew'";
        }

        return AddressesOf(project, party).FirstOrDefault(address => !certificate.MatchesHostname(address, allowWildcards: false, allowCommonName: false)) is { } missing
            ? $"its certificate does not name '{missing}', which is among the addresses now; run 'provision renew'"
            : null;
    }

    private ProvisioningReport Report(CertificateAuthority authority, IReadOnlyList<ProvisionedParty> parties) =>
        new(AuthorityFolder, authority.NotAfter, Path.Combine(AuthorityFolder, KitFiles.Revoked), parties);
}
