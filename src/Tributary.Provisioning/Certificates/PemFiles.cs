using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>Reads the PEM files of kits, with one clear error each.</summary>
internal static class PemFiles
{
    private const long BytesMax = 16 << 20;

    /// <exception cref="ProvisioningException">The file is not there, cannot be read, or is far too long.</exception>
    public static string ReadText(string path)
    {
        try
        {
            long length = new FileInfo(path).Length;
            return length <= BytesMax ? File.ReadAllText(path) : throw new ProvisioningException($"{path} has {length} bytes, which no file of a kit has");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ProvisioningException($"{path} is not there; a kit as 'provision' makes it has it", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProvisioningException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <exception cref="ProvisioningException">It is not there, or no certificate.</exception>
    public static X509Certificate2 ReadCertificate(string path)
    {
        string text = ReadText(path);
        try
        {
            return X509Certificate2.CreateFromPem(text);
        }
        catch (CryptographicException e)
        {
            throw new ProvisioningException($"{path} is no certificate in PEM: {e.Message}", e);
        }
    }

    /// <exception cref="ProvisioningException">It is not there, or no key.</exception>
    public static ECDsa ReadKey(string path)
    {
        string text = ReadText(path);
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(text);
            return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new ProvisioningException($"{path} is no elliptic-curve key in PEM without a password: {e.Message}", e);
        }
    }

    public static bool Fits(ECDsa key, X509Certificate2 certificate) =>
        key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(certificate.PublicKey.ExportSubjectPublicKeyInfo());
}
