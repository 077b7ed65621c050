using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Privacy.Tests.SecureAggregation;

/// <summary>Sites and a server of one round, with each site's integers, and the stages between them as an honest server runs them.</summary>
internal sealed class SecureRound : IDisposable
{
    public SecureRound(AggregationRound round, SiteKeys signatures, int seed = 1)
    {
        Round = round;
        Server = new MaskingServer(round, signatures.Verify);
        var random = new Random(seed);
        foreach (string name in round.Roster)
        {
            Sites.Add(name, new MaskingSite(round, name, signatures.SignAs(name), signatures.Verify));
            Integers.Add(name, Source(random, round.Ring));
        }
    }

    public AggregationRound Round { get; }

    public MaskingServer Server { get; }

    public SortedDictionary<string, MaskingSite> Sites { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, TensorSource> Integers { get; } = new(StringComparer.Ordinal);

    public static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(i => $"{(char)('a' + (i * 7 % 26))}-clinic-{i}")];

    public static AggregationRound RoundOf(int sites, int bits = 8, int round = 3, string model = "sha256:aa", string job = "job", int cohort = AggregationRound.CohortMin) =>
        new(job, round, model, Names(sites), new RingGrid(1, bits, sites), cohort);

    public static TensorSource Source(Random random, RingGrid ring)
    {
        (TensorSpec Spec, byte[] Data) Tensor(string name, params long[] shape)
        {
            var spec = new TensorSpec(name, DType.U32, new TensorShape(shape));
            uint[] values = [.. Enumerable.Range(0, (int)spec.ElementCount).Select(_ => (uint)random.NextInt64(ring.Mask + 1L))];
            return (spec, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        }

        return new MemorySource(Tensor("w", 3, 7), Tensor("bias", 5), Tensor("count", 1));
    }

    public static uint[] Read(TensorSource source) =>
        [.. source.Manifest.SelectMany(entry => MemoryMarshal.Cast<byte, uint>(source.ReadTensor(entry.Spec.Name)).ToArray())];

    public static uint[] PlainSum(RingGrid ring, IEnumerable<TensorSource> sources)
    {
        uint[][] all = [.. sources.Select(Read)];
        return [.. all[0].Select((_, i) => (uint)(all.Sum(values => (long)values[i]) & ring.Mask))];
    }

    /// <summary>Runs the stages with the sites that are there at each; a site that is not there at one is not at any later one.</summary>
    /// <param name="isThere">Whether a site sends its message of a stage, from 0 to 4.</param>
    /// <param name="answers">Receives the answers that have left sites.</param>
    public TensorSource Run(Func<string, int, bool> isThere, List<UnmaskingAnswer>? answers = null)
    {
        string[] there = At(Round.Roster, 0, isThere);
        Each(there, site => Server.Take(Sites[site].Keys));
        IReadOnlyList<KeyAdvertisement> keys = Server.CloseKeys();
        there = At(there, 1, isThere);
        Each(there, site => Server.Take(Sites[site].Share(keys)));
        IReadOnlyDictionary<string, ReceivedShares> shares = Server.CloseShares();
        there = At(there, 2, isThere);
        Each(there, site => Sites[site].Receive(shares[site]));
        Each(there, site => Server.Take(site, Sites[site].Mask(Integers[site])));
        IReadOnlyList<string> survivors = Server.CloseInputs();
        there = At(there, 3, isThere);
        Each(there, site => Server.Take(Sites[site].Sign(survivors)));
        UnmaskingRequest request = Server.CloseSignatures();
        there = At(there, 4, isThere);
        foreach (string site in there)
        {
            UnmaskingAnswer answer = Sites[site].Unmask(request);
            answers?.Add(answer);
            Server.Take(answer);
        }

        return Server.Unmask();
    }

    /// <summary>Up to what each site is to get of the others' shares.</summary>
    public IReadOnlyDictionary<string, ReceivedShares> ShareAll()
    {
        Each(Round.Roster, site => Server.Take(Sites[site].Keys));
        IReadOnlyList<KeyAdvertisement> keys = Server.CloseKeys();
        Each(Round.Roster, site => Server.Take(Sites[site].Share(keys)));
        return Server.CloseShares();
    }

    /// <summary>Up to the masked integers of all sites.</summary>
    public IReadOnlyList<string> MaskAll()
    {
        IReadOnlyDictionary<string, ReceivedShares> shares = ShareAll();
        Each(Round.Roster, site => Sites[site].Receive(shares[site]));
        Each(Round.Roster, site => Server.Take(site, Sites[site].Mask(Integers[site])));
        return Server.CloseInputs();
    }

    public void Dispose()
    {
        foreach (MaskingSite site in Sites.Values)
        {
            site.Dispose();
        }
    }

    private static string[] At(IEnumerable<string> sites, int stage, Func<string, int, bool> isThere) => [.. sites.Where(site => isThere(site, stage))];

    private static void Each(IEnumerable<string> sites, Action<string> act)
    {
        foreach (string site in sites)
        {
            act(site);
        }
    }
}

/// <summary>Sites' certificate keys.</summary>
internal abstract class SiteKeys
{
    public SignStatement SignAs(string site) => (type, text) => Sign(site, Encoding.UTF8.GetBytes($"{type} {text}"));

    public bool Verify(string site, string type, string text, byte[] signature) => Verify(site, Encoding.UTF8.GetBytes($"{type} {text}"), signature);

    protected abstract byte[] Sign(string site, byte[] bytes);

    protected abstract bool Verify(string site, byte[] bytes, byte[] signature);
}

/// <summary>ECDSA P-256, as certificates have it.</summary>
internal sealed class CertificateKeys(IEnumerable<string> sites) : SiteKeys
{
    private readonly Dictionary<string, ECDsa> _keys = sites.ToDictionary(site => site, _ => ECDsa.Create(ECCurve.NamedCurves.nistP256), StringComparer.Ordinal);

    protected override byte[] Sign(string site, byte[] bytes) => _keys[site].SignData(bytes, HashAlgorithmName.SHA256);

    protected override bool Verify(string site, byte[] bytes, byte[] signature) => _keys[site].VerifyData(bytes, signature, HashAlgorithmName.SHA256);
}

/// <summary>Stands in for signatures where thousands of rounds are run: what is tested there is sums.</summary>
internal sealed class QuickKeys : SiteKeys
{
    protected override byte[] Sign(string site, byte[] bytes) => HMACSHA256.HashData(Encoding.UTF8.GetBytes(site), bytes);

    protected override bool Verify(string site, byte[] bytes, byte[] signature) => Sign(site, bytes).AsSpan().SequenceEqual(signature);
}
