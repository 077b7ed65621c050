using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Rounds;

/// <summary>Draws the sites of a round, the same ones whenever it is asked again.</summary>
public static class SiteDraw
{
    /// <summary>The sites of a round, sorted: all of the job's, or as many as its sample says, those with the smallest hash of seed, round and name.</summary>
    public static IReadOnlyList<string> Of(Job job, int round)
    {
        if (job.Sample is not { } sample)
        {
            return job.Sites;
        }

        string Rank(string site) =>
            Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"sample\n{job.Seed}\n{round}\n{site}"))));

        return [.. job.Sites.OrderBy(Rank, StringComparer.Ordinal).Take(sample.Of(job.Sites.Count)).Order(StringComparer.Ordinal)];
    }
}
