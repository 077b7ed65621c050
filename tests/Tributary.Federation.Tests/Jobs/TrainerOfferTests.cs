using System.Text.Json;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;

namespace Tributary.Federation.Tests.Jobs;

/// <summary>Who trains: a mistake here is found before the job starts, and nothing that a job says reaches a site's command line.</summary>
public sealed class TrainerOfferTests
{
    private const string Start = """
        name: demo
        sites: { clinic: { data: clinic.jsonl } }

        """;

    private const string Offered = """
        trainers:
          pytorch: { command: [python3, train.py], options: [rank, targets] }

        """;

    [Fact]
    public void The_sites_offers_and_the_jobs_choice_are_read()
    {
        JobFile file = JobFile.Parse(
            Start + """
            train:
              trainer: pytorch
              options: { rank: 8, targets: [q_proj, "8"], alpha: 1.5, deep: { on: true, off: ~ } }
            trainers:
              pytorch:
                command: [python3, train.py, --fast]
                options: [rank, targets, alpha, deep]
                timeout: 2h
                lifetime: task
                environment: { CUDA_VISIBLE_DEVICES: "0" }
              another: { command: [./train], timeout: 1.5m }
            """,
            "job.yaml");
        file.Job.Train.Trainer.ShouldBe("pytorch");
        JsonSerializer.Serialize(file.Job.Train.Options).ShouldBe("""{"rank":8,"targets":["q_proj","8"],"alpha":1.5,"deep":{"on":true,"off":null}}""");
        file.Trainers.Select(offer => offer.Name).ShouldBe(["another", "pytorch"]);
        file.Trainers[0].Timeout.ShouldBe(TimeSpan.FromSeconds(90));
        TrainerOffer offer = file.Trainers[1];
        offer.Command.ShouldBe(["python3", "train.py", "--fast"]);
        offer.Timeout.ShouldBe(TimeSpan.FromHours(2));
        offer.Lifetime.ShouldBe(TrainerLifetime.Task);
        offer.Environment.ShouldBe(new Dictionary<string, string> { ["CUDA_VISIBLE_DEVICES"] = "0" });
    }

    [Theory]
    [InlineData("train: { trainer: torch }", "job.yaml:3: there is no trainer 'torch'; offered are builtin, pytorch")]
    [InlineData("train: { trainer: pytorch, options: { command: rm } }", "job.yaml:3: the trainer 'pytorch' does not let a job set 'command'; it allows rank, targets")]
    [InlineData("train: { options: { rank: 8 } }", "job.yaml:3: the trainer 'builtin' does not let a job set 'rank'; it allows none")]
    [InlineData("train: { command: [rm] }", "job.yaml:3: unknown key 'command'")]
    public void What_is_not_offered_is_refused_with_what_there_is(string train, string error) =>
        Should.Throw<YamlFileException>(() => JobFile.Parse(Start + train + "\n" + Offered, "job.yaml")).Message.ShouldStartWith(error);

    [Theory]
    [InlineData("pytorch: {}", "'command' is missing: the program and its arguments")]
    [InlineData("pytorch: { command: python3 train.py }", "'command' should be a list of texts, such as [a, b]")]
    [InlineData("pytorch: { command: [a], timeout: 0s }", "'timeout' is '0s', but should be a time above 0 and up to 30 days, such as 90s, 10m or 2h")]
    [InlineData("pytorch: { command: [a], timeout: soon }", "'timeout' is 'soon'")]
    [InlineData("pytorch: { command: [a], lifetime: round }", "'lifetime' is 'round', but should be one of job, task")]
    [InlineData("pytorch: { command: [a], environ: {} }", "unknown key 'environ'")]
    [InlineData("builtin: { command: [a] }", "'builtin' is the name of the trainer inside; give this one another")]
    public void A_wrong_offer_is_told_with_its_line(string offer, string error) =>
        Should.Throw<YamlFileException>(() => JobFile.Parse(Start + "trainers:\n  " + offer, "job.yaml")).Message.ShouldStartWith("job.yaml:4: " + error);

    [Fact]
    public void What_travels_to_the_sites_has_the_choice_and_no_command()
    {
        JobFile file = JobFile.Parse(Start + "train: { trainer: pytorch, options: { rank: 8 } }\n" + Offered, "job.yaml");
        string wire = JsonSerializer.Serialize(file.Job, WireJson.Default.Job);
        wire.ShouldContain("\"trainer\":\"pytorch\",\"options\":{\"rank\":8}");
        wire.ShouldNotContain("train.py");
        JsonSerializer.Deserialize(wire, WireJson.Default.Job)!.Train.Options["rank"].GetInt32().ShouldBe(8);
    }
}
