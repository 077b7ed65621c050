using System.Security.Cryptography;
using System.Text;
using Tributary.Privacy.SecureAggregation;
using Tributary.Site;

namespace Tributary.Server.Tests.Harness;

/// <summary>Keys that the sites of tests sign with, where they have no kits.</summary>
internal static class SiteKeys
{
    private static readonly Dictionary<string, ECDsa> Keys = new[] { "a", "b", "c", "d", "e", "f" }.ToDictionary(site => site, _ => ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public static bool Verify(string site, string type, string text, byte[] signature)
    {
        lock (Keys)
        {
            return Keys.TryGetValue(site, out ECDsa? key) && key.VerifyData(Encoding.UTF8.GetBytes($"{type}\n{text}"), signature, HashAlgorithmName.SHA256);
        }
    }

    public static SiteOptions Give(SiteOptions options) => options with { Statements = (Sign(options.Name), Verify) };

    private static SignStatement Sign(string site) => (type, text) =>
    {
        lock (Keys)
        {
            return Keys[site].SignData(Encoding.UTF8.GetBytes($"{type}\n{text}"), HashAlgorithmName.SHA256);
        }
    };
}
