using System.Security.Cryptography;
using System.Text;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;

namespace Tributary.Simulation.Sites;

/// <summary>What sites of a simulation sign with in secure aggregation, where they have no kits: a P-256 key each, in its folder, so that a run that goes on knows them still.</summary>
internal sealed class SimulatedSignatures : IDisposable
{
    private readonly Dictionary<string, ECDsa> _keys;

    /// <param name="sites">The sites' names.</param>
    /// <param name="folderOf">A site's own folder.</param>
    public SimulatedSignatures(IEnumerable<string> sites, Func<string, string> folderOf) => _keys = sites.ToDictionary(site => site, site => Open(folderOf(site)), StringComparer.Ordinal);

    /// <summary>Whether a signature is a site's.</summary>
    public bool Verify(string site, string type, string text, byte[] signature)
    {
        if (!_keys.TryGetValue(site, out ECDsa? key))
        {
            return false;
        }

        lock (key)
        {
            return key.VerifyData(Framed(type, text), signature, HashAlgorithmName.SHA256);
        }
    }

    /// <summary>How a site signs and verifies.</summary>
    public (SignStatement Sign, VerifyStatement Verify) Of(string site) => ((type, text) => Sign(site, type, text), Verify);

    public void Dispose()
    {
        foreach (ECDsa key in _keys.Values)
        {
            key.Dispose();
        }
    }

    private static ECDsa Open(string folder)
    {
        string path = Path.Combine(folder, "signing-key.pem");
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(path))
        {
            key.ImportFromPem(File.ReadAllText(path));
        }
        else
        {
            Directory.CreateDirectory(folder);
            DurableFile.WriteText(path, key.ExportPkcs8PrivateKeyPem());
        }

        return key;
    }

    private byte[] Sign(string site, string type, string text)
    {
        ECDsa key = _keys[site];
        lock (key)
        {
            return key.SignData(Framed(type, text), HashAlgorithmName.SHA256);
        }
    }

    private static byte[] Framed(string type, string text) => Encoding.UTF8.GetBytes($"{type}\n{text}");
}
