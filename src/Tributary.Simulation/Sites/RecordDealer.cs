using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Jobs;
using Tributary.Training;

namespace Tributary.Simulation.Sites;

/// <summary>
/// Deals the records of a file to sites: every record to one site, and to every site at least <see cref="RecordsMin"/>. What is dealt depends
/// on the records' classes and the seed alone.
/// </summary>
internal static class RecordDealer
{
    /// <summary>One to train on and one to hold out.</summary>
    public const int RecordsMin = 2;

    /// <summary>Draws of a Dirichlet distribution until every site has enough.</summary>
    private const int DrawsMax = 1000;

    /// <summary>The places of each site's records in the file, from 0, ascending.</summary>
    /// <exception cref="UsageException">Some site would have too few; the message says what to change.</exception>
    public static int[][] Deal(VirtualSites sites, ClassifiedRecords records, ulong seed)
    {
        var random = new SplitMix64(BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/sites"))));
        if (sites.Count * RecordsMin > records.Count)
        {
            throw new UsageException(
                $"{records.Path}: has {records.Count} records, too few for {sites.Count} sites with at least {RecordsMin} each, one to train on and one to hold out; "
                + "lower 'count' under 'sites', or give more records");
        }

        int[][] dealt = sites.Partition switch
        {
            RecordPartition.Dirichlet => DealByDirichlet(sites, records, random),
            RecordPartition.Field => DealByClass(sites, records, random),
            _ => DealInTurn(Shuffled(records.Count, random), sites.Count!.Value),
        };
        Array.ForEach(dealt, Array.Sort);
        return dealt;
    }

    private static int[][] DealInTurn(int[] shuffled, int count) =>
        [.. Enumerable.Range(0, count).Select(site => shuffled.Where((_, at) => at % count == site).ToArray())];

    /// <summary>A class to a site, in the classes' order; or several in turn, shuffled, where the number of sites is given.</summary>
    private static int[][] DealByClass(VirtualSites sites, ClassifiedRecords records, SplitMix64 random)
    {
        (string Class, int[] Places)[] classes = ByClass(records);
        if (sites.Count > classes.Length)
        {
            throw new UsageException(
                $"{records.Path}: '{records.Field}' has {classes.Length} values, too few for {sites.Count} sites with at least one each; "
                + $"lower 'count' under 'sites', or share the values out with 'partition: {{ dirichlet: 0.5, by: {records.Field} }}'");
        }

        int count = sites.Count ?? classes.Length;
        int[][] hands = sites.Count is null ? [.. Enumerable.Range(0, count).Select(at => new[] { at })] : DealInTurn(Shuffled(classes.Length, random), count);
        int[][] dealt = [.. hands.Select(hand => hand.SelectMany(at => classes[at].Places).ToArray())];
        int poor = Array.FindIndex(dealt, places => places.Length < RecordsMin);
        return poor < 0
            ? dealt
            : throw new UsageException(
                $"{records.Path}: only one record has the '{records.Field}' '{classes[hands[poor][0]].Class}', and a site needs at least {RecordsMin}, one to train on and one to hold out; "
                + "give 'count' under 'sites' so that values share a site, or mend the records");
    }

    /// <summary>
    /// Of every class each site gets a share, and the shares of a class are one draw of a symmetric Dirichlet distribution (Yurochkin et al.
    /// 2019); drawn anew until every site has enough records, as is usual (Li et al. 2022).
    /// </summary>
    private static int[][] DealByDirichlet(VirtualSites sites, ClassifiedRecords records, SplitMix64 random)
    {
        (string Class, int[] Places)[] classes = ByClass(records);
        int count = sites.Count!.Value;
        for (int draw = 0; draw < DrawsMax; draw++)
        {
            var dealt = Enumerable.Range(0, count).Select(_ => new List<int>()).ToArray();
            foreach ((_, int[] places) in classes)
            {
                int[] shuffled = [.. Shuffled(places.Length, random).Select(at => places[at])];
                Share(shuffled, DirichletDraw.Of(sites.Alpha, count, random), dealt);
            }

            if (dealt.All(places => places.Count >= RecordsMin))
            {
                return [.. dealt.Select(places => places.ToArray())];
            }
        }

        throw new UsageException(FormattableString.Invariant(
            $"{records.Path}: dirichlet({sites.Alpha}) over {classes.Length} values of '{records.Field}' left a site with fewer than {RecordsMin} of {records.Count} records in each of {DrawsMax} draws; raise its number, lower 'count' under 'sites', or give more records"));
    }

    /// <summary>Gives each site its share; where shares end is rounded down, so that they sum up.</summary>
    private static void Share(int[] places, double[] shares, List<int>[] dealt)
    {
        double end = 0;
        int given = 0;
        for (int site = 0; site < shares.Length; site++)
        {
            end += shares[site];
            int to = site == shares.Length - 1 ? places.Length : Math.Clamp((int)(end * places.Length), given, places.Length);
            dealt[site].AddRange(places[given..to]);
            given = to;
        }
    }

    /// <summary>The places of every class, the classes in the order of their names.</summary>
    private static (string Class, int[] Places)[] ByClass(ClassifiedRecords records) =>
        [.. records.Classes!.Select((name, place) => (Name: name, Place: place)).GroupBy(record => record.Name, record => record.Place, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => (group.Key, group.ToArray()))];

    private static int[] Shuffled(int count, SplitMix64 random)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        return order;
    }
}
