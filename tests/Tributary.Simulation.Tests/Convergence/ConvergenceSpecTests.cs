using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Convergence;
using Tributary.TestKit;

namespace Tributary.Simulation.Tests.Convergence;

/// <summary>A setting that is read as another compares what nobody asked for.</summary>
public sealed class ConvergenceSpecTests : IDisposable
{
    private const string Job = """
        name: shared
        model: ../model
        sites:
          clinic: { data: clinic.jsonl }
          bank: { data: bank.jsonl }
        rounds: 5
        precision: nf4
        train: { epochs: 1, learning_rate: 0.001 }
        """;

    private readonly TempFolder _folder = new();

    public ConvergenceSpecTests() => File.WriteAllText(_folder["job.yaml"], Job);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_setting_is_the_job_with_what_it_changes()
    {
        ConvergenceSpec spec = Read("""
            name: test
            job: job.yaml
            seeds: [1, 7]
            all: { rounds: 20 }
            settings:
              central: { central: true }
              fp32: { precision: fp32, exchange: weights }
              slow: { train: { learning_rate: 0.0001 }, against: fp32, bytes_max: 7.5, regret_max: 10, note: half as fast }
            """);
        spec.Seeds.ShouldBe([1UL, 7UL]);
        spec.Model.ShouldBe("../model");
        spec.Settings.Select(setting => setting.Name).ShouldBe(["central", "fp32", "slow"]);
        spec.Settings.ShouldAllBe(setting => setting.File.Job.Rounds == 20);
        spec.Settings[0].IsPooled.ShouldBeTrue();
        spec.Settings[1].File.Job.Precision.ShouldBe(new JobPrecision("fp32", "fp32"));
        spec.Settings[1].File.Job.Exchange.ShouldBe(Exchange.Weights);
        ConvergenceSetting slow = spec.Settings[2];
        (slow.File.Job.Train.LearningRate, slow.File.Job.Train.Epochs, slow.File.Job.Precision.Task).ShouldBe((0.0001, 1, "nf4"));
        (slow.Against, slow.BytesMax, slow.MeanRegretMax, slow.Note).ShouldBe(("fp32", 0.075, 0.1, "half as fast"));
        spec.Only("slow").Settings.Select(setting => setting.Name).ShouldBe(["fp32", "slow"]);
        Should.Throw<UsageException>(() => spec.Only("int9")).Message.ShouldContain("there are central, fp32, slow");
    }

    [Theory]
    [InlineData("seeds: [1]\nsettings: { a: {} }", "'seeds' should be two or more different whole numbers above 0")]
    [InlineData("seeds: [1, 1]\nsettings: { a: {} }", "'seeds' should be two or more different whole numbers above 0")]
    [InlineData("seeds: [1, 2]\nsettings: { a: { against: b } }", "'a' is held against 'b', which is no setting here")]
    [InlineData("seeds: [1, 2]", "'settings' is missing")]
    [InlineData("seeds: [1, 2]\nsettings: { a: { precision: nf9 } }", "'precision' is 'nf9', but should be one of")]
    [InlineData("seeds: [1, 2]\nsettings: { a: { colour: red } }", "unknown key 'colour'")]
    [InlineData("seeds: [1, 2]\nsettings: { a: {} }\nrounds: 3", "unknown key 'rounds'")]
    public void What_is_wrong_is_said_before_anything_runs(string lines, string expected) =>
        Should.Throw<YamlFileException>(() => Read($"name: test\njob: job.yaml\n{lines}")).Message.ShouldContain(expected);

    [Fact]
    public void A_job_file_that_is_not_there_is_named() =>
        Should.Throw<UsageException>(() => Read("name: test\njob: other.yaml\nseeds: [1, 2]\nsettings: { a: {} }")).Message.ShouldContain("other.yaml: there is no such file");

    private ConvergenceSpec Read(string yaml)
    {
        File.WriteAllText(_folder["spec.yaml"], yaml);
        return ConvergenceSpec.Load(_folder["spec.yaml"]);
    }
}
