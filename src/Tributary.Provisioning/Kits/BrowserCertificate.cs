using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>A kit's certificate and key as browsers and key stores import them: PKCS#12, encrypted with a password.</summary>
public static class BrowserCertificate
{
    private const int PasswordLength = 20;

    // Without letters and digits that are taken for each other.
    private const string PasswordCharacters = "abcdefghjkmnpqrstuvwxyz23456789";

    /// <summary>Writes a kit's certificate with its key, and that of the project's CA, to a file that only its owner can read.</summary>
    /// <param name="kit">The kit.</param>
    /// <param name="path">The file.</param>
    /// <returns>The password that it is encrypted with, made for this file.</returns>
    /// <exception cref="ProvisioningException">The file is there already, or the kit's key cannot be read.</exception>
    public static string Write(Kit kit, string path)
    {
        if (Path.Exists(path))
        {
            throw new ProvisioningException($"{path} is there already; remove it, or choose another name");
        }

        // Read once more: what TLS uses need not be a key that can be exported.
        using ECDsa key = PemFiles.ReadKey(Path.Combine(kit.Folder, KitFiles.Key));
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(kit.Certificate.RawDataMemory.Span);
        using X509Certificate2 whole = certificate.CopyWithPrivateKey(key);
        string password = RandomNumberGenerator.GetString(PasswordCharacters, PasswordLength);
        byte[] bytes = new X509Certificate2Collection { whole, kit.Trust.Authority }.ExportPkcs12(Pkcs12ExportPbeParameters.Pbes2Aes256Sha256, password);
        DurableFiles.Write(path, FileKind.Private, stream => stream.Write(bytes));
        return password;
    }
}
