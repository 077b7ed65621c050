using Tributary.Federation.Jobs;
using Tributary.Simulation.Sites;
using Tributary.TestKit;

namespace Tributary.Simulation.Tests.Sites;

/// <summary>How the records of one file come to many sites: an experiment on skewed data is worth what its division is.</summary>
public sealed class RecordDealerTests : IDisposable
{
    private static readonly string[] Topics = ["a", "b", "c", "d"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(100, 20)]
    [InlineData(101, 7)]
    [InlineData(1000, 1)]
    public void Iid_sites_have_equal_numbers_and_every_record_is_at_one_of_them(int records, int count)
    {
        int[][] dealt = Deal(Sites(count, RecordPartition.Iid), Write(records), seed: 1);
        dealt.Length.ShouldBe(count);
        Everything(dealt, records);
        (dealt.Max(places => places.Length) - dealt.Min(places => places.Length)).ShouldBeLessThanOrEqualTo(1);
    }

    [Theory]
    [InlineData(RecordPartition.Iid)]
    [InlineData(RecordPartition.Dirichlet)]
    [InlineData(RecordPartition.Field)]
    public void The_seed_alone_decides_who_gets_what(RecordPartition partition)
    {
        string path = Write(400);
        VirtualSites sites = Sites(3, partition);
        Deal(sites, path, seed: 5).ShouldBe(Deal(sites, path, seed: 5));
        Deal(sites, path, seed: 5).ShouldNotBe(Deal(sites, path, seed: 6));
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(1000)]
    public void Dirichlet_shares_sum_up_and_leave_no_site_too_few(double alpha)
    {
        int[][] dealt = Deal(Sites(20, RecordPartition.Dirichlet, alpha), Write(2000), seed: 3);
        Everything(dealt, 2000);
        dealt.ShouldAllBe(places => places.Length >= RecordDealer.RecordsMin);
    }

    [Fact]
    public void A_smaller_concentration_skews_the_sites_more()
    {
        // The largest class's share at each site, on average: a quarter where all have the same mix of four, and near 1 where each has one.
        string path = Write(4000);
        double[] dominance = [.. new[] { 0.05, 0.5, 5, 5000 }.Select(alpha => Deal(Sites(10, RecordPartition.Dirichlet, alpha), path, seed: 2)
            .Average(places => Topics.Select((_, topic) => places.Count(place => place % Topics.Length == topic)).Max() / (double)places.Length))];
        dominance.ShouldBe(dominance.OrderDescending());
        dominance[0].ShouldBeGreaterThan(0.7);
        dominance[^1].ShouldBeLessThan(0.3);
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(3)]
    public void Dirichlet_draws_have_the_mean_and_the_variance_of_their_distribution(double alpha)
    {
        const int Count = 5, Draws = 20_000;
        var random = new Training.SplitMix64(1);
        double[][] draws = [.. Enumerable.Range(0, Draws).Select(_ => DirichletDraw.Of(alpha, Count, random))];
        draws.ShouldAllBe(shares => Math.Abs(shares.Sum() - 1) < 1e-12);
        double mean = draws.Average(shares => shares[2]);
        mean.ShouldBe(1.0 / Count, 0.01);
        draws.Average(shares => Math.Pow(shares[2] - mean, 2)).ShouldBe((Count - 1) / (double)(Count * Count * ((Count * alpha) + 1)), 0.005);
    }

    [Fact]
    public void A_field_makes_a_site_of_each_value_in_the_values_order()
    {
        int[][] dealt = Deal(Sites(null, RecordPartition.Field), Write(40), seed: 1);
        dealt.Length.ShouldBe(4);
        for (int topic = 0; topic < 4; topic++)
        {
            dealt[topic].ShouldBe(Enumerable.Range(0, 40).Where(place => place % 4 == topic));
        }
    }

    [Fact]
    public void Fewer_sites_than_values_have_several_values_each_and_none_is_parted()
    {
        int[][] dealt = Deal(Sites(3, RecordPartition.Field), Write(40), seed: 1);
        Everything(dealt, 40);
        dealt.Select(places => places.Select(place => place % 4).Distinct().Count()).Order().ShouldBe([1, 1, 2]);
    }

    [Fact]
    public void Without_a_named_field_the_first_usual_one_is_taken_and_a_file_with_none_says_what_it_has()
    {
        File.WriteAllLines(_folder["usual.jsonl"], Enumerable.Range(0, 40).Select(number => $$"""{"topic":"x","label":{{number % 4}},"instruction":"i"}"""));
        ClassifiedRecords.Classified(_folder["usual.jsonl"], null).Field.ShouldBe("label");
        File.WriteAllText(_folder["none.jsonl"], "{\"instruction\":\"i\",\"kind\":\"k\"}\n");
        Should.Throw<UsageException>(() => ClassifiedRecords.Classified(_folder["none.jsonl"], null)).Message
            .ShouldBe($"{_folder["none.jsonl"]}, line 1: has none of category, label, topic to tell classes by; its fields are instruction, kind: name one with 'by' under 'sites' in the job file");
    }

    [Fact]
    public void A_record_without_the_field_is_named_by_its_line()
    {
        File.WriteAllText(_folder["some.jsonl"], "{\"topic\":\"a\"}\n\n{\"kind\":\"k\"}\n");
        Should.Throw<UsageException>(() => ClassifiedRecords.Classified(_folder["some.jsonl"], "topic")).Message
            .ShouldBe($"{_folder["some.jsonl"]}, line 3: has no 'topic', by whose values the records go to sites; its fields are kind");
    }

    [Fact]
    public void Too_few_records_are_refused_with_what_to_do()
    {
        string path = Write(30);
        Refusal(Sites(16, RecordPartition.Iid), path).ShouldBe(
            $"{path}: has 30 records, too few for 16 sites with at least 2 each, one to train on and one to hold out; lower 'count' under 'sites', or give more records");
        Refusal(Sites(5, RecordPartition.Field), path).ShouldBe(
            $"{path}: 'category' has 4 values, too few for 5 sites with at least one each; lower 'count' under 'sites', or share the values out with 'partition: {{ dirichlet: 0.5, by: category }}'");
        Refusal(Sites(15, RecordPartition.Dirichlet, 0.01), path).ShouldContain("left a site with fewer than 2 of 30 records in each of 1000 draws; raise its number");
        File.AppendAllText(path, "{\"category\":\"rare\"}\n");
        Refusal(Sites(null, RecordPartition.Field), path).ShouldContain("only one record has the 'category' 'rare'");
    }

    [Fact]
    public void The_lines_of_a_share_are_those_of_its_places()
    {
        string path = _folder["gaps.jsonl"];
        File.WriteAllText(path, "\n{\"a\":0}\n\n{\"a\":1}\n{\"a\":2}\n \n{\"a\":3}");
        ClassifiedRecords records = ClassifiedRecords.Counted(path);
        records.Count.ShouldBe(4);
        records.Lines([0, 3]).ShouldBe(["{\"a\":0}", "{\"a\":3}"]);
    }

    private static VirtualSites Sites(int? count, RecordPartition partition, double alpha = 0.5) => new() { Data = "all.jsonl", Count = count, Partition = partition, Alpha = alpha };

    private static int[][] Deal(VirtualSites sites, string path, ulong seed) =>
        RecordDealer.Deal(sites, sites.Partition == RecordPartition.Iid ? ClassifiedRecords.Counted(path) : ClassifiedRecords.Classified(path, "category"), seed);

    private static string Refusal(VirtualSites sites, string path) => Should.Throw<UsageException>(() => Deal(sites, path, seed: 1)).Message;

    private static void Everything(int[][] dealt, int records) => dealt.SelectMany(places => places).Order().ShouldBe(Enumerable.Range(0, records));

    /// <summary>Records of four categories in turn.</summary>
    private string Write(int records)
    {
        string path = _folder[$"{records}.jsonl"];
        File.WriteAllLines(path, Enumerable.Range(0, records).Select(number => $$"""{"category":"{{Topics[number % Topics.Length]}}"}"""));
        return path;
    }
}
