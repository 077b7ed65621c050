using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>A party's kit, opened: its certificate with its key, and what it holds others' certificates against.</summary>
public sealed class Kit : IDisposable
{
    private Kit(string folder, Party party, X509Certificate2 certificate, ProjectTrust trust)
    {
        Folder = folder;
        Party = party;
        Certificate = certificate;
        Trust = trust;
    }

    /// <summary>The folder it lies in.</summary>
    public string Folder { get; }

    /// <summary>Whose it is.</summary>
    public Party Party { get; }

    /// <summary>The party's certificate, with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>What others' certificates are held against.</summary>
    public ProjectTrust Trust { get; }

    /// <summary>The path of its configuration.</summary>
    public string ConfigurationPath => Path.Combine(Folder, KitFiles.Configuration(Party.Role));

    /// <summary>Opens a kit, and checks it as others will.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="role">The role that is needed; null for any.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ProvisioningException">
    /// A file is missing, the key does not fit, or the certificate is expired, not yet valid, revoked, of another CA or of another role.
    /// </exception>
    public static Kit Load(string folder, PartyRole? role, TimeProvider time)
    {
        if (!Directory.Exists(folder))
        {
            throw new ProvisioningException($"{folder}: there is no such folder; --kit takes a folder that 'provision' made, unzipped");
        }

        string path = Path.Combine(folder, KitFiles.Certificate);
        using X509Certificate2 certificate = PemFiles.ReadCertificate(path);
        ProjectTrust? trust = null;
        X509Certificate2? whole = null;
        try
        {
            whole = WithKey(certificate, folder);
            trust = ProjectTrust.Load(Path.Combine(folder, KitFiles.Authority), Path.Combine(folder, KitFiles.Revoked), time);
            Party party = trust.Require(certificate);
            return role is null || party.Role == role
                ? new Kit(folder, party, whole, trust)
                : throw new ProvisioningException($"{folder} is the kit of {party}; one of a {Party.Word(role.Value)} is needed here");
        }
        catch (Exception e)
        {
            whole?.Dispose();
            trust?.Dispose();
            if (e is CertificateRefusedException)
            {
                throw new ProvisioningException($"{path}: {e.Message}", e);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Certificate.Dispose();
        Trust.Dispose();
    }

    private static X509Certificate2 WithKey(X509Certificate2 certificate, string folder)
    {
        string path = Path.Combine(folder, KitFiles.Key);
        if (!File.Exists(path))
        {
            throw new ProvisioningException($"{path} is not there; where a party made its own key ('provision request'), put it there");
        }

        using ECDsa key = PemFiles.ReadKey(path);
        if (!PemFiles.Fits(key, certificate))
        {
            throw new ProvisioningException($"{path} does not fit {KitFiles.Certificate}: it is the key of another certificate; put the two there that belong together");
        }

        X509Certificate2 whole = certificate.CopyWithPrivateKey(key);
        if (!OperatingSystem.IsWindows())
        {
            return whole;
        }

        // TLS of Windows takes keys from a key store only, into which this puts it.
        using (whole)
        {
            return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), password: null);
        }
    }
}
