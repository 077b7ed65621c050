using System.Text.Json;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;

namespace Tributary.Federation.Tests.Jobs;

/// <summary>How a user says in a job file what the server makes of the sites' updates.</summary>
public sealed class JobFileAggregationTests
{
    private const string Seven = """
        name: demo
        sites: { a: { data: a }, b: { data: a }, c: { data: a }, d: { data: a }, e: { data: a }, f: { data: a }, g: { data: a } }
        """;

    [Fact]
    public void What_a_job_file_leaves_out_is_the_mean_by_samples_without_an_optimizer()
    {
        Job job = JobFile.Parse(Seven, "job.yaml").Job;
        job.Aggregation.ShouldBe(new JobAggregation(Reducer.Mean, UpdateWeights.Samples, NormLimit: 10, SamplesMax: 1_000_000_000));
        job.ServerOptimizer.ShouldBeNull();
    }

    [Fact]
    public void A_reducer_is_a_word_or_a_word_with_settings()
    {
        Read("aggregation: mean").ShouldBe(new JobAggregation());
        Read("aggregation: median").ShouldBe(new JobAggregation(Reducer.Median));
        Read("aggregation: trimmed_mean").ShouldBe(new JobAggregation(Reducer.TrimmedMean, Trim: 0.2));
        Read("aggregation: { weights: uniform }").ShouldBe(new JobAggregation(Weights: UpdateWeights.Uniform));
        Read("aggregation: { reducer: mean, weights: samples, norm_limit: 0, samples_max: 5_000 }").ShouldBe(new JobAggregation(NormLimit: 0, SamplesMax: 5000));
        Read("aggregation: { reducer: median, norm_limit: 2.5 }").ShouldBe(new JobAggregation(Reducer.Median, NormLimit: 2.5));
        Read("aggregation: { reducer: trimmed_mean, trim: 0.3 }").ShouldBe(new JobAggregation(Reducer.TrimmedMean, Trim: 0.3));
        Read("aggregation: { reducer: krum, byzantine: 2 }").ShouldBe(new JobAggregation(Reducer.Krum, Byzantine: 2, Keep: 1));
        Read("aggregation: { reducer: krum, byzantine: 1, keep: 6 }").ShouldBe(new JobAggregation(Reducer.Krum, Byzantine: 1, Keep: 6));

        static JobAggregation Read(string line) => JobFile.Parse($"{Seven}\n{line}", "job.yaml").Job.Aggregation;
    }

    [Fact]
    public void A_server_optimizer_is_a_word_or_a_word_with_settings_and_its_defaults_are_its_papers()
    {
        Read("server_optimizer: fedavgm").ShouldBe(new JobServerOptimizer(ServerOptimizerName.FedAvgM, 1, Momentum: 0.9));
        Read("server_optimizer: fedadagrad").ShouldBe(new JobServerOptimizer(ServerOptimizerName.FedAdagrad, 0.01, Tau: 1e-3));
        Read("server_optimizer: fedadam").ShouldBe(new JobServerOptimizer(ServerOptimizerName.FedAdam, 0.01, Beta1: 0.9, Beta2: 0.99, Tau: 1e-3));
        Read("server_optimizer: fedyogi").ShouldBe(new JobServerOptimizer(ServerOptimizerName.FedYogi, 0.01, Beta1: 0.9, Beta2: 0.99, Tau: 1e-3));
        Read("server_optimizer: diloco").ShouldBe(new JobServerOptimizer(ServerOptimizerName.DiLoCo, 0.7, Momentum: 0.9));
        Read("server_optimizer: { name: fedadam, learning_rate: 0.1, beta1: 0, beta2: 0.9, tau: 0.01 }")
            .ShouldBe(new JobServerOptimizer(ServerOptimizerName.FedAdam, 0.1, Beta1: 0, Beta2: 0.9, Tau: 0.01));
        Read("server_optimizer: { name: diloco, momentum: 0.5 }").ShouldBe(new JobServerOptimizer(ServerOptimizerName.DiLoCo, 0.7, Momentum: 0.5));

        static JobServerOptimizer? Read(string line) => JobFile.Parse($"{Seven}\n{line}", "job.yaml").Job.ServerOptimizer;
    }

    [Theory]
    [InlineData("aggregation: average", "'aggregation' is 'average', but should be one of mean, median, trimmed_mean, krum")]
    [InlineData("aggregation: { reducer: geometric }", "'reducer' is 'geometric', but should be one of mean, median, trimmed_mean, krum")]
    [InlineData("aggregation: krum", "krum has to know how many sites may be wrong: 'aggregation: { reducer: krum, byzantine: 1 }'")]
    [InlineData("aggregation: { reducer: krum }", "'byzantine' is missing: how many sites may be wrong; krum needs 2 f + 3 sites to withstand f")]
    [InlineData(
        "aggregation: { reducer: krum, byzantine: 3 }",
        "krum needs 9 updates (2 f + 3) to withstand 3 wrong ones, but there are 7; with 7, 'byzantine' is at most 2")]
    [InlineData(
        "aggregation: { reducer: krum, byzantine: 2, keep: 6 }",
        "of 7 updates with 2 wrong ones at most 5 can be kept, but 'keep' is 6; lower it")]
    [InlineData(
        "aggregation: { reducer: trimmed_mean, trim: 0.1 }",
        "a share of 0.1 of 7 updates is less than one, so none would be cut; give 0.143 or more, or take the median")]
    [InlineData("aggregation: { reducer: trimmed_mean, trim: 0.5 }", "'trim' is '0.5', but should be a number above 0 and below 0.5")]
    [InlineData("aggregation: { reducer: median, trim: 0.2 }", "unknown key 'trim'; known here: norm_limit, reducer, samples_max")]
    [InlineData("aggregation: { reducer: median, weights: samples }", "unknown key 'weights'; known here: norm_limit, reducer, samples_max")]
    [InlineData("aggregation: { weights: equal }", "'weights' is 'equal', but should be one of samples, uniform")]
    [InlineData("aggregation: { norm_limit: 0.5 }", "'norm_limit' is 0.5, but should be 1 or more, or 0 for no limit: below 1 it would refuse updates of the usual norm")]
    [InlineData("aggregation: { samples_max: 0 }", "'samples_max' is '0', but should be a whole number from 1 up")]
    [InlineData("server_optimizer: adam", "'server_optimizer' is 'adam', but should be one of fedavgm, fedadagrad, fedadam, fedyogi, diloco")]
    [InlineData("server_optimizer: { learning_rate: 1 }", "'name' is missing: the optimizer, such as fedadam")]
    [InlineData("server_optimizer: { name: fedadam, learning_rate: 0 }", "'learning_rate' is '0', but should be a number above 0 and below 1000")]
    [InlineData("server_optimizer: { name: fedadam, beta2: 1 }", "'beta2' is 1, but should be below 1: nothing new would count")]
    [InlineData("server_optimizer: { name: fedadam, momentum: 0.9 }", "unknown key 'momentum'; known here: beta1, beta2, learning_rate, name, tau")]
    [InlineData("server_optimizer: { name: diloco, momentum: -0.1 }", "'momentum' is '-0.1', but should be a number from 0 to 1")]
    [InlineData("server_optimizer: { name: fedadagrad, tau: 0 }", "'tau' is '0', but should be a number above 0 and below 1")]
    public void What_does_not_fit_is_refused_with_its_line_and_what_to_do(string line, string expected) =>
        Should.Throw<YamlFileException>(() => JobFile.Parse($"{Seven}\n{line}", "job.yaml")).Message.Split(Environment.NewLine).ShouldBe([$"job.yaml:3: {expected}"]);

    [Theory]
    [InlineData("min_sites: 6", "krum needs 7 updates (2 f + 3) to withstand 2 wrong ones, but there are 6; with 6, 'byzantine' is at most 1")]
    [InlineData("sample: 0.7", "krum needs 7 updates (2 f + 3) to withstand 2 wrong ones, but there are 5; with 5, 'byzantine' is at most 1")]
    public void A_round_may_be_smaller_than_the_job_and_has_to_do_for_the_reducer(string line, string expected) =>
        Should.Throw<YamlFileException>(() => JobFile.Parse($"{Seven}\n{line}\naggregation: {{ reducer: krum, byzantine: 2 }}", "job.yaml")).Message.ShouldBe($"job.yaml:4: {expected}");

    [Fact]
    public void A_workflow_that_would_not_use_a_setting_refuses_it()
    {
        string[] errors = Should.Throw<YamlFileException>(() => JobFile.Parse($"{Seven}\nworkflow: cyclic\naggregation: median\nserver_optimizer: fedadam", "job.yaml"))
            .Message.Split(Environment.NewLine);
        errors.ShouldBe([
            "job.yaml:4: the workflow 'cyclic' takes no reducer but the mean; take fedavg, or the mean",
            "job.yaml:5: the workflow 'cyclic' has no server optimizer; take fedavg, or leave it out"]);
    }

    [Fact]
    public void A_document_that_knows_nothing_of_aggregation_is_read_with_the_defaults_as_is_one_that_knows_half()
    {
        Job older = JsonSerializer.Deserialize("""{"name":"demo","sites":["a"]}""", WireJson.Default.Job)!;
        older.Aggregation.ShouldBe(new JobAggregation());
        older.ServerOptimizer.ShouldBeNull();
        Job half = JsonSerializer.Deserialize("""{"name":"demo","sites":["a"],"aggregation":{"reducer":"Median"},"serverOptimizer":{"name":"FedAvgM","learningRate":1}}""", WireJson.Default.Job)!;
        half.Aggregation.ShouldBe(new JobAggregation(Reducer.Median));
        half.ServerOptimizer.ShouldBe(new JobServerOptimizer(ServerOptimizerName.FedAvgM, 1));
        Job whole = JobFile.Parse($"{Seven}\naggregation: {{ reducer: krum, byzantine: 2, keep: 3 }}\nserver_optimizer: fedyogi", "job.yaml").Job;
        Job back = JsonSerializer.Deserialize(JsonSerializer.Serialize(whole, WireJson.Default.Job), WireJson.Default.Job)!;
        (back.Aggregation, back.ServerOptimizer).ShouldBe((whole.Aggregation, whole.ServerOptimizer));
    }
}
