using Tributary.Configuration;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Tests.Jobs;

/// <summary>Many sites of one file in a job file: a user who writes one form and gets another division compares the wrong experiments.</summary>
public sealed class VirtualSitesTests
{
    [Theory]
    [InlineData("count: 20, data: all.jsonl", RecordPartition.Iid, 0, null)]
    [InlineData("count: 20, data: all.jsonl, partition: iid", RecordPartition.Iid, 0, null)]
    [InlineData("count: 20, data: all.jsonl, partition: dirichlet(0.5)", RecordPartition.Dirichlet, 0.5, null)]
    [InlineData("count: 20, data: all.jsonl, partition: dirichlet(1e-1), by: topic", RecordPartition.Dirichlet, 0.1, "topic")]
    [InlineData("count: 20, data: all.jsonl, partition: { dirichlet: 2 }", RecordPartition.Dirichlet, 2, null)]
    [InlineData("count: 20, data: all.jsonl, partition: { dirichlet: 0.5, by: topic }", RecordPartition.Dirichlet, 0.5, "topic")]
    [InlineData("count: 20, data: all.jsonl, partition: { by: topic }", RecordPartition.Field, 0, "topic")]
    [InlineData("count: 20, data: all.jsonl, by: topic", RecordPartition.Field, 0, "topic")]
    public void Each_form_says_how_records_are_dealt(string sites, RecordPartition partition, double alpha, string? by)
    {
        JobFile file = JobFile.Parse($"name: demo\nsites: {{ {sites} }}", "job.yaml");
        file.Virtual.ShouldBe(new VirtualSites { Data = "all.jsonl", Count = 20, Partition = partition, Alpha = alpha, By = by });
        file.Job.Sites.Count.ShouldBe(20);
        file.Job.Sites[0].ShouldBe("site-01");
        file.Job.Sites[^1].ShouldBe("site-20");
        file.Sites.Select(site => site.Name).ShouldBe(file.Job.Sites);
    }

    [Fact]
    public void Without_a_number_the_values_of_a_field_make_the_sites_which_the_file_alone_cannot_name()
    {
        JobFile file = JobFile.Parse("name: demo\nsites: { data: all.jsonl, by: topic }", "job.yaml");
        file.Virtual.ShouldBe(new VirtualSites { Data = "all.jsonl", Partition = RecordPartition.Field, By = "topic" });
        file.Sites.ShouldBeEmpty();
    }

    [Fact]
    public void Names_sort_as_numbers_do()
    {
        string[] names = VirtualSites.Names(1000);
        names.ShouldBe(names.Order(StringComparer.Ordinal));
        (names[0], names[999]).ShouldBe(("site-0001", "site-1000"));
    }

    [Fact]
    public void Sites_may_still_be_called_count_or_data()
    {
        JobFile file = JobFile.Parse("name: demo\nsites: { count: { data: a.jsonl }, data: { data: b.jsonl } }", "job.yaml");
        file.Virtual.ShouldBeNull();
        file.Job.Sites.ShouldBe(["count", "data"]);
    }

    [Theory]
    [InlineData("data: all.jsonl", "'count' is missing: how many sites share the records")]
    [InlineData("count: 20", "'data' is missing: the JSONL file whose records the sites share")]
    [InlineData("count: 0, data: all.jsonl", "'count' is '0', but should be a whole number from 1 to 10000")]
    [InlineData("count: 2, data: all.jsonl, partition: random", "'partition' is 'random', but should be one of iid, dirichlet(0.5), { dirichlet: 0.5, by: category } or { by: category }")]
    [InlineData("count: 2, data: all.jsonl, partition: dirichlet(0)", "'partition' is 'dirichlet(0)', but should be one of iid, dirichlet(0.5), { dirichlet: 0.5, by: category } or { by: category }")]
    [InlineData("count: 2, data: all.jsonl, partition: iid, by: topic", "an iid partition looks at no field; remove 'by', or 'partition: iid'")]
    [InlineData("count: 2, data: all.jsonl, partition: { dirichlet: -1 }", "'dirichlet' is '-1', but should be a number above 0 and below 1000000000")]
    [InlineData("count: 2, data: all.jsonl, clinic: { data: c.jsonl }", "unknown key 'clinic'; known here: by, count, data, partition")]
    public void What_is_wrong_with_them_is_said_with_its_line(string sites, string expected) =>
        Should.Throw<YamlFileException>(() => JobFile.Parse($"name: demo\nsites: {{ {sites} }}", "job.yaml")).Message.ShouldBe($"job.yaml:2: {expected}");
}
