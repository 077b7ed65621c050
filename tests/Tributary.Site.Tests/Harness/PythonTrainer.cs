using System.Text.Json;
using System.Threading.Channels;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Site.Processes;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Harness;

/// <summary>A trainer whose process is a Python script that a test writes.</summary>
internal sealed class PythonTrainer : IDisposable
{
    public const string Python = "/usr/bin/python3";

    /// <summary>Speaks the protocol as docs/TRAINERS.md has it, without tributary.py: say, hear, and a file of one tensor.</summary>
    public const string BareHands = """
        import json, os, struct, sys, time
        def say(**message): print(json.dumps(message), flush=True)
        def hear(): return json.loads(sys.stdin.readline())
        def write(task, name="w", dtype="F32", shape=[3], data=struct.pack("<3f", 2, 3, 4)):
            header = json.dumps({name: {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
            header += b" " * (-len(header) % 8)
            with open(os.path.join(task["folder"], "out.safetensors"), "wb") as file:
                file.write(len(header).to_bytes(8, "little") + header + data)
        def answer(task, **more): say(**{"type": "result", "task": task["task"], "samples": 1, "metrics": {"pid": os.getpid()}, "model": "out.safetensors", **more})
        say(type="ready", protocol=1)

        """;

    private readonly TempFolder _folder = new();
    private readonly Channel<TaskProgress> _progress = Channel.CreateUnbounded<TaskProgress>();

    public PythonTrainer(string script, TimeProvider? time = null, TrainerLifetime lifetime = TrainerLifetime.Job, bool torch = false, string? command = null)
    {
        Assert.SkipUnless(Repository.IsCi || File.Exists(Python), $"there is no {Python}");
        File.WriteAllText(_folder["train.py"], script);
        Offer = new TrainerOffer
        {
            Name = "python",
            // Without the installed packages Python starts in a fraction of the time.
            Command = command is null ? [Python, torch ? "-B" : "-SB", "train.py"] : [command],
            Options = ["rank", "target"],
            Timeout = TimeSpan.FromSeconds(Seconds),
            Lifetime = lifetime,
            Environment = new Dictionary<string, string> { ["PYTHONPATH"] = Path.Combine(Repository.Root, "python") },
        };
        var place = new TrainerPlace
        {
            Site = "a",
            WorkingFolder = _folder.Path,
            TaskFolder = _folder["tasks"],
            Checkpoint = Checkpoint,
            Data = _folder["data.jsonl"],
            RecordsMax = 7,
            HeldOutPath = _folder["held_out.jsonl"],
            LogPath = _folder["logs/a.log"],
        };
        Trainer = new ProcessTrainer(Offer, place, time ?? TimeProvider.System);
    }

    /// <summary>How long the process may be silent. Only with a test's own clock does it pass.</summary>
    public static double Seconds => 100;

    public TrainerOffer Offer { get; }

    public ProcessTrainer Trainer { get; }

    /// <summary>What was told of the tasks, in order.</summary>
    public ChannelReader<TaskProgress> Progress => _progress.Reader;

    public string Log => File.ReadAllText(_folder["logs/a.log"]);

    public string this[string name] => _folder[name];

    public static MemorySource Model() => new(MemorySource.F32("w", [3], 1, 2, 3), MemorySource.F32("b", [2], 0.5f, -0.5f));

    /// <summary>The site's checkpoint folder; nothing lies there.</summary>
    public string Checkpoint => _folder["checkpoint"];

    public static Job Job(params (string Name, string Json)[] options) => new()
    {
        Name = "demo",
        Sites = ["a"],
        Train = new JobTraining
        {
            Trainer = "python",
            Options = options.ToDictionary(option => option.Name, option => JsonSerializer.Deserialize<JsonElement>(option.Json)),
        },
    };

    public Task<TaskResult> TrainAsync(TensorSource? model = null, CancellationToken? cancellationToken = null, int round = 1) =>
        DoAsync(new TaskData(TaskNames.Train, Job(), round, 0, model ?? Model()), cancellationToken);

    public Task<TaskResult> DoAsync(TaskData task, CancellationToken? cancellationToken = null) =>
        Trainer.ExecuteAsync(task, new Relay(said => _progress.Writer.TryWrite(said)), cancellationToken ?? TestContext.Current.CancellationToken);

    /// <summary>Waits until the process has told of its work; that the task was begun the trainer tells before.</summary>
    public async Task<TaskProgress> UntilProgressAsync()
    {
        TaskProgress said;
        do
        {
            said = await Progress.ReadAsync(TestContext.Current.CancellationToken);
        }
        while (said.Done == 0);
        return said;
    }

    public void Dispose()
    {
        Trainer.Dispose();
        _folder.Dispose();
    }

    private sealed class Relay(Action<TaskProgress> report) : IProgress<TaskProgress>
    {
        public void Report(TaskProgress value) => report(value);
    }
}
