using Tributary.Configuration;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Tests.Jobs;

public sealed class JobFileTests
{
    private const string Minimal = """
        name: demo
        sites:
          clinic: { data: clinic.jsonl }
        """;

    private const string Full = """
        name: demo-7
        model: ../model
        workflow: fedavg
        sites:
          west: { data: w.jsonl, records: 20 }
          east: { data: e.jsonl, held_out: e-held.jsonl }
        rounds: 1_000
        precision: { task: int8, result: fp4 }
        exchange: weights
        streaming: container
        seed: 9000000000000000000
        held_out: 0.25
        site_timeout: 1.5
        task_retries: 0
        train:
          epochs: 3
          batch_size: 4
          sequence_length: 128
          learning_rate: 2e-4
          weight_decay: 0
          clip_norm: 0.5
          gradient_accumulation: 2
          schedule: cosine
          warmup_ratio: 0.1
          decay: all
          proximal_mu: 0.01
          optimizer_state: keep
          early_stop: { patience: 2, every: 20 }
          checkpoint_every: 50
          template: chat
        """;

    [Fact]
    public void Every_key_of_a_job_file_is_read()
    {
        JobFile file = JobFile.Parse(Full, "job.yaml");
        file.Model.ShouldBe("../model");
        file.Sites.ShouldBe([new JobFileSite("east", "e.jsonl", null, "e-held.jsonl"), new JobFileSite("west", "w.jsonl", 20)]);
        Job job = file.Job;
        job.Sites.ShouldBe(["east", "west"]);
        (job with { Sites = [] }).ShouldBe(new Job
        {
            Name = "demo-7",
            Workflow = "fedavg",
            Sites = [],
            Rounds = 1000,
            Precision = new JobPrecision("int8", "fp4"),
            Exchange = Exchange.Weights,
            Streaming = Streaming.Container,
            Seed = 9_000_000_000_000_000_000,
            HeldOut = 0.25,
            SiteTimeout = TimeSpan.FromSeconds(1.5),
            TaskRetries = 0,
            Train = new JobTraining
            {
                Epochs = 3, BatchSize = 4, SequenceLength = 128, Template = RecordTemplate.Chat, LearningRate = 2e-4, WeightDecay = 0, ClipNorm = 0.5,
                GradientAccumulation = 2, Schedule = JobSchedule.Cosine, WarmupRatio = 0.1, Decay = JobDecay.All, ProximalMu = 0.01,
                OptimizerState = OptimizerState.Keep, EarlyStop = new JobEarlyStop(2, 20), CheckpointEvery = 50,
            },
        });
    }

    [Fact]
    public void What_a_job_file_leaves_out_has_its_documented_default()
    {
        JobFile file = JobFile.Parse(Minimal, "job.yaml");
        file.Model.ShouldBeNull();
        (file.Job with { Sites = [] }).ShouldBe(new Job
        {
            Name = "demo",
            Workflow = "fedavg",
            Sites = [],
            Rounds = 5,
            Precision = new JobPrecision("nf4", "nf4"),
            Exchange = Exchange.Delta,
            Streaming = Streaming.File,
            Seed = 1,
            HeldOut = 0.1,
            SiteTimeout = TimeSpan.FromSeconds(60),
            TaskRetries = 1,
            Train = new JobTraining
            {
                Epochs = 1, BatchSize = 8, SequenceLength = 256, LearningRate = 1e-3, WeightDecay = 0.01, ClipNorm = 1,
                GradientAccumulation = 1, Schedule = JobSchedule.Constant, WarmupSteps = 0, WarmupRatio = 0, Decay = JobDecay.Linear, ProximalMu = 0,
                OptimizerState = OptimizerState.Fresh, EarlyStop = null, CheckpointEvery = 0,
            },
        });
    }

    [Fact]
    public void Adapters_may_be_asked_of_a_trainer_of_the_sites_own_as_of_the_one_inside() =>
        JobFile.Parse($"{Minimal}\ntrainers: {{ torch: {{ command: [python3, train.py] }} }}\ntrain: {{ trainer: torch, epochs: 2, lora: {{ rank: 4 }} }}", "job.yaml")
            .Job.Train.Lora!.Rank.ShouldBe(4);

    [Fact]
    public void Adapters_are_asked_for_under_train_and_have_documented_defaults()
    {
        JobFile.Parse(Minimal, "job.yaml").Job.Train.Lora.ShouldBeNull();
        JobLora plain = JobFile.Parse($"{Minimal}\ntrain: {{ lora: {{}} }}", "job.yaml").Job.Train.Lora!;
        plain.Targets.ShouldBe(["q_proj", "v_proj"]);
        (plain.Rank, plain.Alpha, plain.Dropout, plain.Base).ShouldBe((8, 16, 0, null));
        string digest = "sha256:" + new string('a', 64);
        string line = $"train: {{ lora: {{ rank: 4, alpha: 2.5, targets: [down_proj, k_proj], dropout: 0.1, base: '{digest}' }} }}";
        JobLora read = JobFile.Parse($"{Minimal}\n{line}", "job.yaml").Job.Train.Lora!;
        read.Targets.ShouldBe(["down_proj", "k_proj"]);
        (read.Rank, read.Alpha, read.Dropout, read.Base).ShouldBe((4, 2.5, 0.1, digest));
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("fp16")]
    [InlineData("bf16")]
    [InlineData("int8")]
    [InlineData("fp4")]
    [InlineData("nf4")]
    public void One_word_is_the_precision_of_both_directions(string precision) =>
        JobFile.Parse($"{Minimal}\nprecision: {precision}", "job.yaml").Job.Precision.ShouldBe(new JobPrecision(precision, precision));

    [Fact]
    public void The_order_of_keys_and_sites_does_not_change_the_job()
    {
        const string Turned = """
            train:
              template: chat
              checkpoint_every: 50
              early_stop: { every: 20, patience: 2 }
              optimizer_state: keep
              proximal_mu: 0.01
              decay: all
              warmup_ratio: 0.1
              schedule: cosine
              gradient_accumulation: 2
              clip_norm: 0.5
              weight_decay: 0
              learning_rate: 2e-4
              sequence_length: 128
              batch_size: 4
              epochs: 3
            task_retries: 0
            site_timeout: 1.5
            held_out: 0.25
            seed: 9000000000000000000
            streaming: container
            exchange: weights
            precision: { result: fp4, task: int8 }
            rounds: 1_000
            sites:
              east: { held_out: e-held.jsonl, data: e.jsonl }
              west: { records: 20, data: w.jsonl }
            workflow: fedavg
            model: ../model
            name: demo-7
            """;
        JobFile turned = JobFile.Parse(Turned, "job.yaml");
        JobFile straight = JobFile.Parse(Full, "job.yaml");
        turned.Sites.ShouldBe(straight.Sites);
        turned.Job.Sites.ShouldBe(straight.Job.Sites);
        (turned.Job with { Sites = [] }).ShouldBe(straight.Job with { Sites = [] });
    }

    [Theory]
    [InlineData("rouds: 3", "unknown key 'rouds'; did you mean 'rounds'?")]
    [InlineData("Streaming: file", "unknown key 'Streaming'; did you mean 'streaming'?")]
    [InlineData("colour: red", "unknown key 'colour'; known here: aggregation, deadline, exchange, feedback, held_out, min_sites, model, name, precision")]
    [InlineData("train: { epoch: 2 }", "unknown key 'epoch'; did you mean 'epochs'?")]
    [InlineData("precision: { task: nf4, result: nf4, tsk: nf4 }", "unknown key 'tsk'; did you mean 'task'?")]
    public void An_unknown_key_is_refused_with_the_key_that_may_have_been_meant(string line, string expected) =>
        Errors($"{Minimal}\n{line}").ShouldHaveSingleItem().ShouldStartWith($"job.yaml:4: {expected}");

    [Theory]
    [InlineData("rounds: 0", "'rounds' is '0', but should be a whole number from 1 to 100000")]
    [InlineData("rounds: 2.5", "'rounds' is '2.5', but should be a whole number from 1 to 100000")]
    [InlineData("rounds: [1]", "'rounds' should be a text")]
    [InlineData("seed: -1", "'seed' is '-1', but should be a whole number from 0 up")]
    [InlineData("held_out: 0", "'held_out' is '0', but should be a number above 0 and below 1")]
    [InlineData("held_out: 1", "'held_out' is '1', but should be a number above 0 and below 1")]
    [InlineData("site_timeout: NaN", "'site_timeout' is 'NaN', but should be a number above 0 and below 86400")]
    [InlineData("task_retries: -1", "'task_retries' is '-1', but should be a whole number from 0 to 100")]
    [InlineData("precision: nf3", "'precision' is 'nf3', but should be one of fp32, fp16, bf16, int8b, int8, fp4, nf4, int4, nf4n, int2, int1, topk6, topk3, topk, adaptive, auto")]
    [InlineData("precision: { task: nf4 }", "'result' is missing: the precision of messages from the sites")]
    [InlineData("precision: { task: NF4, result: nf4 }", "'task' is 'NF4', but should be one of fp32, fp16, bf16, int8b, int8, fp4, nf4, int4, nf4n, int2, int1, topk6, topk3, topk, adaptive")]
    [InlineData("exchange: gradients", "'exchange' is 'gradients', but should be one of weights, delta")]
    [InlineData("streaming: 1", "'streaming' is '1', but should be one of regular, container, file")]
    [InlineData("workflow: swarm", "'workflow' is 'swarm', but should be one of fedavg, fedbuff, scaffold, cyclic, evaluate, cross_site_evaluation")]
    [InlineData("train: fast", "'train' should be keys and values")]
    [InlineData("train: { learning_rate: 0 }", "'learning_rate' is '0', but should be a number above 0 and below 10")]
    [InlineData("train: { weight_decay: 1.1 }", "'weight_decay' is '1.1', but should be a number from 0 to 1")]
    [InlineData("train: { clip_norm: -1 }", "'clip_norm' is '-1', but should be a number above 0 and below 1000000000")]
    [InlineData("train: { batch_size: x }", "'batch_size' is 'x', but should be a whole number from 1 to 65536")]
    [InlineData("train: { epochs: 0 }", "'epochs' is '0', but should be a whole number from 1 to 10000")]
    [InlineData("train: { sequence_length: 63 }", "'sequence_length' is '63', but should be a whole number from 64 to 1048576")]
    [InlineData("train: { lora: 8 }", "'lora' should be keys and values")]
    [InlineData("train: { lora: { rank: 0 } }", "'rank' is '0', but should be a whole number from 1 to 65536")]
    [InlineData("train: { lora: { targets: q_proj } }", "'targets' should be a list of texts, such as [a, b]")]
    [InlineData(
        "train: { lora: { targets: [q_proj, lm_head] } }",
        "'targets' is q_proj, lm_head, but should be some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, each once")]
    [InlineData("train: { lora: { dropout: 1 } }", "'dropout' is 1, but should be below 1: nothing would be left to learn from")]
    [InlineData("train: { lora: { base: abc } }", "'base' is 'abc', but should be sha256: and 64 digits, as a run's summary has it")]
    [InlineData("train: { lora: { r: 8 } }", "unknown key 'r'; known here: alpha, base, dropout, rank, targets")]
    [InlineData("train: { schedule: step }", "'schedule' is 'step', but should be one of constant, linear, cosine")]
    [InlineData("train: { warmup_ratio: 2 }", "'warmup_ratio' is '2', but should be a number from 0 to 1")]
    [InlineData("train: { warmup_steps: 5, warmup_ratio: 0.1 }", "'warmup_steps' is given too, and the warm-up has one length; remove one of them")]
    [InlineData("train: { decay: norms }", "'decay' is 'norms', but should be one of linear, matrices, all")]
    [InlineData("train: { proximal_mu: -1 }", "'proximal_mu' is '-1', but should be a number from 0 to 1000000")]
    [InlineData("train: { optimizer_state: kept }", "'optimizer_state' is 'kept', but should be one of fresh, keep")]
    [InlineData("train: { early_stop: 3 }", "'early_stop' should be keys and values")]
    [InlineData("train: { early_stop: { patience: 3 } }", "'every' is missing: the steps after which the held-out loss is measured")]
    [InlineData("train: { early_stop: { patience: 0, every: 5 } }", "'patience' is '0', but should be a whole number from 1 to 10000")]
    [InlineData("train: { checkpoint_every: 0 }", "'checkpoint_every' is '0', but should be a whole number from 1 up")]
    public void A_wrong_value_is_refused_with_its_line_and_what_it_should_be(string line, string expected) =>
        Errors($"{Minimal}\n{line}").ShouldBe([$"job.yaml:4: {expected}"]);

    [Theory]
    [InlineData("name: demo", 1)]
    [InlineData("name: demo\nsites: {}", 1)]
    public void A_job_without_sites_is_refused_with_an_example(string yaml, int line) =>
        Errors(yaml).ShouldBe([$"job.yaml:{line}: 'sites' is missing: at least one site, such as 'clinic: {{ data: clinic.jsonl }}', or many of one file, as in '{{ count: 20, data: all.jsonl }}'"]);

    [Fact]
    public void A_site_without_records_is_refused_with_its_name() =>
        Errors("name: demo\nsites:\n  clinic: { records: 3 }").ShouldBe(["job.yaml:3: 'data' is missing: the JSONL file with the records of site 'clinic'"]);

    [Fact]
    public void A_site_that_is_no_map_is_refused_with_its_name() =>
        Errors("name: demo\nsites:\n  clinic: clinic.jsonl").ShouldBe(["job.yaml:3: 'clinic' should be keys and values"]);

    [Theory]
    [InlineData("Demo")]
    [InlineData("-demo")]
    [InlineData("../demo")]
    [InlineData("demo_1")]
    [InlineData("a123456789012345678901234567890123456789012345678901234567890123")]
    public void A_name_that_cannot_stand_in_paths_is_refused(string name)
    {
        Errors($"name: {name}\nsites: {{ a: {{ data: a.jsonl }} }}").ShouldHaveSingleItem().ShouldStartWith($"job.yaml:1: the name '{name}' should be small letters");
        Errors($"name: demo\nsites: {{ {name}: {{ data: a.jsonl }} }}").ShouldHaveSingleItem().ShouldStartWith($"job.yaml:2: the name '{name}' should be small letters");
    }

    [Fact]
    public void A_site_with_an_empty_name_is_refused() =>
        Errors("name: demo\nsites:\n  '': { data: a.jsonl }").ShouldHaveSingleItem().ShouldStartWith("job.yaml:3: the name '' should be small letters");

    [Fact]
    public void A_job_without_a_name_is_refused() =>
        Errors("sites: { a: { data: a.jsonl } }").ShouldBe(["job.yaml:1: 'name' is missing: a name for the job"]);

    [Fact]
    public void Text_that_is_no_YAML_is_refused_with_its_line() =>
        Errors("name: demo\nsites: }\nrounds: 3").ShouldHaveSingleItem().ShouldStartWith("job.yaml:2: not valid YAML: ");

    [Theory]
    [InlineData("")]
    [InlineData("- name: demo")]
    [InlineData("name: a\n---\nname: b")]
    public void A_document_that_is_not_one_map_is_refused(string yaml) =>
        Errors(yaml).ShouldBe(["job.yaml:1: should be one YAML document of keys and values; see samples/quickstart/job.yaml"]);

    [Theory]
    [InlineData("rounds: 3\nrounds: 4", 5)]
    [InlineData("train:\n  epochs: 1\n  batch_size: 2\n  epochs: 3", 7)]
    public void A_key_that_stands_twice_is_refused_and_not_read_by_chance(string lines, int line)
    {
        string error = Errors($"{Minimal}\n{lines}").ShouldHaveSingleItem();
        error.ShouldStartWith($"job.yaml:{line}: not valid YAML: ");
        error.ShouldContain("uplicate");
    }

    [Fact]
    public void All_that_is_wrong_is_said_at_once_in_the_order_of_lines()
    {
        const string Wrong = """
            name: Demo
            rounds: many
            sites:
              clinic: { records: 0 }
              Lab: { data: lab.jsonl, recrods: 4 }
            train:
              epochs: 0
              colour: red
            """;
        string[] errors = Errors(Wrong);
        errors.Select(error => error.Split(':')[1]).ShouldBe(["1", "2", "4", "4", "5", "5", "7", "8"]);
        errors[0].ShouldContain("'Demo'");
        errors[1].ShouldContain("'rounds' is 'many'");
        string.Join('\n', errors[2..4]).ShouldContain("'data' is missing");
        string.Join('\n', errors[2..4]).ShouldContain("'records' is '0'");
        string.Join('\n', errors[4..6]).ShouldContain("did you mean 'records'?");
        string.Join('\n', errors[4..6]).ShouldContain("the name 'Lab'");
        errors[6].ShouldContain("'epochs' is '0'");
        errors[7].ShouldContain("unknown key 'colour'");
    }

    private static string[] Errors(string yaml) =>
        Should.Throw<YamlFileException>(() => JobFile.Parse(yaml, "job.yaml")).Message.Split(Environment.NewLine);
}
