using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>
/// What a party holds others' certificates against: the project's CA, and nothing that the machine trusts besides, and the CA's list of
/// revoked certificates, which is read again whenever its file changes.
/// </summary>
public sealed class ProjectTrust : IDisposable
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1";
    private const string ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly string _revokedPath;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private volatile RevocationList _revoked;
    private (DateTime Written, long Length) _seen;

    private ProjectTrust(X509Certificate2 authority, string revokedPath, TimeProvider time)
    {
        Authority = authority;
        _revokedPath = revokedPath;
        _time = time;
        _seen = Look(revokedPath);
        _revoked = Read(revokedPath, authority);
    }

    /// <summary>The CA's certificate.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>Reads the CA's certificate and its list.</summary>
    /// <exception cref="ProvisioningException">A file is missing, or is not what it should be.</exception>
    public static ProjectTrust Load(string authorityPath, string revokedPath, TimeProvider time)
    {
        X509Certificate2 authority = PemFiles.ReadCertificate(authorityPath);
        try
        {
            return new ProjectTrust(authority, revokedPath, time);
        }
        catch
        {
            authority.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads the list of revoked certificates again, if its file has changed. Gives what is wrong with the new one, once; then the one
    /// before stays in force.
    /// </summary>
    public string? Refresh()
    {
        lock (_lock)
        {
            try
            {
                (DateTime, long) now = Look(_revokedPath);
                if (now == _seen)
                {
                    return null;
                }

                _seen = now;
                RevocationList read = Read(_revokedPath, Authority);
                if (read.Number < _revoked.Number)
                {
                    return $"{_revokedPath} is number {read.Number}, older than the one in force, {_revoked.Number}, which stays in force; copy the newest there";
                }

                _revoked = read;
                return null;
            }
            catch (Exception e) when (e is ProvisioningException or IOException or UnauthorizedAccessException)
            {
                return $"the list of revoked certificates that was read before stays in force: {e.Message}";
            }
        }
    }

    /// <summary>Checks a certificate and gives whose it is.</summary>
    /// <exception cref="CertificateRefusedException">It is not of the project's CA, not for its role, expired, not yet valid or revoked.</exception>
    public Party Require(X509Certificate2 certificate)
    {
        Party party = CertificateIdentity.Of(certificate)
            ?? throw new CertificateRefusedException($"the certificate of '{certificate.Subject}' names no party of a project (a URI such as tributary://site/clinic)");
        using var chain = new X509Chain { ChainPolicy = NewChainPolicy(party.Role) };
        bool isValid = chain.Build(certificate);
        try
        {
            X509ChainStatusFlags status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (flags, each) => flags | each.Status);
            RequireOwnAuthority(status, party);
            if (RefuseNow(certificate) is { } reason)
            {
                throw new CertificateRefusedException(reason);
            }

            return isValid ? party : throw new CertificateRefusedException($"the certificate of {party} cannot be used: {status}");
        }
        finally
        {
            foreach (X509ChainElement element in chain.ChainElements)
            {
                element.Certificate.Dispose();
            }
        }
    }

    /// <summary>
    /// How a chain to the project's CA is built: from what is here, with nothing fetched from addresses that a certificate names. The CA's own
    /// list says what is revoked, which the platform does not look at, see <see cref="Require"/>.
    /// </summary>
    public X509ChainPolicy NewChainPolicy(PartyRole role)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            DisableCertificateDownloads = true,
            RevocationMode = X509RevocationMode.NoCheck,
            VerificationTimeIgnored = false,
            VerificationTime = _time.GetUtcNow().LocalDateTime,
        };
        policy.CustomTrustStore.Add(Authority);
        policy.ApplicationPolicy.Add(new Oid(role == PartyRole.Server ? ForServers : ForClients));
        return policy;
    }

    /// <summary>
    /// What stands against a certificate at this moment that did not when its connection began: that it has expired or was revoked; null for
    /// nothing. Cheap enough for every request.
    /// </summary>
    public string? RefuseNow(X509Certificate2 certificate)
    {
        string whose = $"the certificate of {CertificateIdentity.Of(certificate)?.ToString() ?? certificate.Subject}";
        DateTimeOffset now = _time.GetUtcNow();
        if (now > certificate.Ends())
        {
            return $"{whose} expired at {Validity.Text(certificate.Ends())}; have it renewed (provision renew), and see that the clock here, {Validity.Text(now)}, is right";
        }

        if (now < certificate.Begins())
        {
            return $"{whose} is not valid before {Validity.Text(certificate.Begins())}; see that the clock here, {Validity.Text(now)}, is right";
        }

        return _revoked.Contains(certificate) ? $"{whose} (serial {certificate.SerialNumber}) has been revoked" : null;
    }

    /// <inheritdoc/>
    public void Dispose() => Authority.Dispose();

    private void RequireOwnAuthority(X509ChainStatusFlags status, Party party)
    {
        const X509ChainStatusFlags OtherAuthority = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid;
        if ((status & OtherAuthority) != X509ChainStatusFlags.NoError)
        {
            throw new CertificateRefusedException($"the certificate of {party} is of another CA than this project's, '{Authority.Subject}'");
        }
    }

    private static (DateTime Written, long Length) Look(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    private static RevocationList Read(string path, X509Certificate2 authority)
    {
        try
        {
            return RevocationList.Parse(PemFiles.ReadText(path), authority);
        }
        catch (CertificateRefusedException e)
        {
            throw new ProvisioningException($"{path} {e.Message}; copy the project's own there", e);
        }
    }
}
