using System.Security.Cryptography;

namespace Tributary.Provisioning;

/// <summary>The key that a party makes for itself, and the request to certify it.</summary>
public static class OwnKey
{
    /// <summary>The request's file.</summary>
    public const string RequestFile = "request.pem";

    /// <summary>Makes a key and a request for it. A key that is there is kept, and the request made for it.</summary>
    /// <param name="name">The party's name, for people; the signer decides.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <exception cref="ProvisioningException">There is a key that cannot be used.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Request(string name, string folder)
    {
        DurableFiles.MakeFolder(folder);
        string path = Path.Combine(folder, KitFiles.Key);
        using ECDsa key = File.Exists(path) ? PemFiles.ReadKey(path) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (!File.Exists(path))
        {
            DurableFiles.Write(path, key.ExportPkcs8PrivateKeyPem() + "\n", FileKind.Private);
        }

        DurableFiles.Write(Path.Combine(folder, RequestFile), KeyRequest.Make(name, key) + "\n");
    }
}
