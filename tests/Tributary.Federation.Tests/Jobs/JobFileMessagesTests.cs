using Tributary.Configuration;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Tests.Jobs;

/// <summary>What a job file says of its messages: a slip here ruins a model, or moves many times the bytes that somebody planned for.</summary>
public sealed class JobFileMessagesTests
{
    private const string Minimal = """
        name: demo
        sites:
          clinic: { data: clinic.jsonl }
        """;

    [Theory]
    [InlineData("int2", "nf4")]
    [InlineData("topk", "nf4")]
    [InlineData("adaptive", "nf4")]
    [InlineData("int8", "int8")]
    [InlineData("{ task: int1, result: topk, first: int8 }", "int8")]
    public void A_job_that_begins_with_a_whole_model_sends_it_in_a_precision_that_it_survives(string precision, string whole) =>
        Read($"precision: {precision}").Precision.Whole.ShouldBe(whole);

    [Fact]
    public void What_is_lost_is_kept_unless_somebody_says_otherwise()
    {
        Read("rounds: 1").KeepsResiduals.ShouldBeTrue();
        Read("feedback: false").KeepsResiduals.ShouldBeFalse();
        (Read("feedback: 0.9").Feedback, Read("feedback: 0.9").TaskFeedback).ShouldBe((0.9, null));
        Job both = Read("feedback: { task: 0.5, result: 0.9 }");
        (both.Feedback, both.TaskFeedback).ShouldBe((0.9, 0.5));
        Read("exchange: weights").KeepsResiduals.ShouldBeFalse();
    }

    [Theory]
    [InlineData("{ budget: 7 % }", 0.07, 0.07, null)]
    [InlineData("{ budget: 7% }", 0.07, 0.07, null)]
    [InlineData("{ budget: 2.5 }", 0.025, 0.025, null)]
    [InlineData("{ budget: { task: 0.8 %, result: 3 % } }", 0.008, 0.03, null)]
    [InlineData("{ error: 10 % }", null, null, 0.1)]
    public void A_budget_is_read_in_percent(string precision, double? task, double? result, double? error)
    {
        JobPrecision read = Read($"precision: {precision}").Precision;
        (read.Task, read.Result).ShouldBe((JobPrecision.Adaptive, JobPrecision.Adaptive));
        read.Budget!.Task.ShouldBe(task);
        read.Budget.Result.ShouldBe(result);
        read.Budget.Error.ShouldBe(error);
    }

    [Fact]
    public void A_budget_may_be_for_one_direction() =>
        Read("precision: { task: int8, budget: { result: 3 % } }").Precision.ShouldBe(new JobPrecision("int8", JobPrecision.Adaptive, null, new JobBudget { Result = 0.03 }));

    [Fact]
    public void Auto_leaves_a_sites_results_to_the_site() => Read("precision: auto").Precision.ShouldBe(new JobPrecision(JobPrecision.Adaptive, JobPrecision.Auto));

    [Theory]
    [InlineData("precision: { task: nf4, result: nf4, first: topk }", "'first' is topk, which ruins a model that is sent whole; take one of fp32, fp16, bf16, int8b, int8, fp4, nf4, int4, nf4n")]
    [InlineData("precision: { budget: 0.1 % }", "'budget' is '0.1 %', but should be percent from 0.6 to 100, such as 7 %")]
    [InlineData("precision: { budget: much }", "'budget' is 'much', but should be percent from 0.6 to 100, such as 7 %")]
    [InlineData("precision: { budget: 7 %, error: 10 % }", "'error' and 'budget' are two ways to choose the precisions; give one of them")]
    [InlineData("precision: { task: nf4, result: nf4, sensitivity: s.json }", "'sensitivity' says where an adaptive precision puts its bytes; give it a 'budget' or an 'error'")]
    [InlineData("precision: { budget: {} }", "'budget' says nothing; give it 'task', 'result' or both, or one number for both")]
    [InlineData("precision: { task: int2, result: int2, budget: 1 % }", "'budget' is of an adaptive precision, and both ways have another one here; leave 'task' and 'result' out, or it")]
    [InlineData("precision: { task: int2, result: int2, error: 10 % }", "'error' is of an adaptive precision, and both ways have another one here; leave 'task' and 'result' out, or it")]
    [InlineData("precision: { task: int2, budget: { task: 2 %, result: 1 % } }", "'budget' is also of messages to the sites, which have another precision here; leave one of the two out")]
    [InlineData("precision: { ring: 8, budget: { task: 2 %, result: 1 % } }", "'budget' is also of messages from the sites, which have another precision here; leave one of the two out")]
    [InlineData("feedback: { task: 0.5 }\nworkflow: scaffold", "'feedback' to the sites can be less than all for the workflows fedavg and fedbuff, and this is 'scaffold', which sends other models in between; leave 'task' out of it")]
    [InlineData("feedback: { task: 0 }\nworkflow: cyclic", "'feedback' to the sites can be less than all for the workflows fedavg and fedbuff, and this is 'cyclic', which sends other models in between; leave 'task' out of it")]
    [InlineData("precision: topk\nworkflow: cross_site_evaluation", "'cross_site_evaluation' sends each site's model once, and what topk loses of it never arrives, so that another one would be measured; give 'last' (or 'task') one of fp32, fp16, bf16, int8b, int8, fp4, nf4, int4, nf4n")]
    [InlineData("feedback: yes", "'feedback' is 'yes', but should be true, false, or the share of what was lost that is kept, from 0 to 1")]
    public void What_cannot_be_is_refused_with_its_line(string line, string expected) =>
        Errors(line).ShouldBe([$"job.yaml:4: {expected}"]);

    [Theory]
    [InlineData("precision: int2", "'precision' is int2, which ruins a model that is sent whole; take 'exchange: delta', or one of fp32, fp16, bf16, int8b, int8, fp4, nf4, int4, nf4n")]
    [InlineData("precision: { budget: 7 % }", "'precision' is adaptive, which ruins a model that is sent whole; take 'exchange: delta', or one of fp32, fp16, bf16, int8b, int8, fp4, nf4, int4, nf4n")]
    [InlineData("precision: { task: nf4, result: nf4, first: int8 }", "'first' is of a job whose later messages are changes; take 'exchange: delta', or leave it out")]
    [InlineData("feedback: true", "'feedback' keeps what was lost of a change, and this job exchanges weights; take 'exchange: delta', or leave it out")]
    public void What_is_of_changes_is_refused_where_weights_are_exchanged(string line, string expected) =>
        Errors($"{line}\nexchange: weights").ShouldBe([$"job.yaml:4: {expected}"]);

    private static string[] Errors(string lines) => Should.Throw<YamlFileException>(() => Read(lines)).Message.Split('\n');

    private static Job Read(string line) => JobFile.Parse($"{Minimal}\n{line}", "job.yaml").Job;
}
