using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Federation.Jobs;
using Tributary.Federation.Planning;
using Tributary.Simulation;
using Tributary.Simulation.Sensitivity;
using Tributary.Tensors;

namespace Tributary.Cli.Commands;

/// <summary><c>plan</c>: what a job will move and hold, before it runs.</summary>
internal static class PlanCommand
{
    private const int RoundsShownMax = 6;

    private static readonly Argument<FileInfo> JobPath = new("job") { Description = "The job file (YAML)" };
    private static readonly Option<DirectoryInfo?> Model = new("--model") { Description = "The model's checkpoint folder [default: 'model' in the job file]" };
    private static readonly Option<string> Bandwidth = new("--bandwidth") { Description = "What the server's line carries, each way, such as 100Mbit or 10Gbit; the time of transfers is that of this line", DefaultValueFactory = _ => "1Gbit" };
    private static readonly Option<double> TrainSeconds = new("--train-seconds") { Description = "How long a site trains in a round, which only your own measurement can say; 0 leaves it out" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var command = new Command("plan", "Predict what a job moves and holds: bytes per round and site, memory, disk and time") { JobPath, Model, Bandwidth, TrainSeconds, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples("plan samples/quickstart/job.yaml", "plan job.yaml --model models/llama --bandwidth 100Mbit --train-seconds 600 --json");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FileInfo path = parsed.GetRequiredValue(JobPath);
        if (!path.Exists)
        {
            throw new UsageException($"{path}: there is no such job file");
        }

        double bytesPerSecond = BitRate.Parse(parsed.GetRequiredValue(Bandwidth)) / 8;
        double trainSeconds = parsed.GetValue(TrainSeconds);
        if (!(trainSeconds >= 0 && double.IsFinite(trainSeconds)))
        {
            throw new UsageException("--train-seconds should be a number of seconds from 0");
        }

        JobFile file = SensitivityFile.Apply(JobFile.ParseSubmitted(await File.ReadAllTextAsync(path.FullName, cancellationToken), path.ToString()), path.DirectoryName!);
        string folder = parsed.GetValue(Model)?.FullName ?? (file.Model is null ? null : Path.Combine(path.DirectoryName!, file.Model))
            ?? throw new UsageException($"{path}: names no model; add 'model: FOLDER' or give --model");
        using var model = ExchangedModel.Open(folder, file.Job, isTrainedInside: false, holdsBase: false);
        DirectoryInfo scratch = Directory.CreateTempSubdirectory("tributary-plan-");
        try
        {
            TensorSource initial = model.Initial(Path.Combine(scratch.FullName, "adapters.safetensors"), cancellationToken);
            Print(parsed, model, JobPlan.Of(model.Job, initial.Manifest), bytesPerSecond, trainSeconds);
        }
        finally
        {
            scratch.Delete(recursive: true);
        }

        return 0;
    }

    private static void Print(ParseResult parsed, ExchangedModel model, JobPlan plan, double bytesPerSecond, double trainSeconds)
    {
        double Seconds(RoundPlan round) => ((round.Down + round.Up) / bytesPerSecond) + (round.Up > 0 ? trainSeconds : 0);

        double total = plan.Rounds.Sum(Seconds);
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(
                new { job = model.Job.Name, model = model.Summary.Name, plan, bytes = plan.Bytes, bytesAsFp32 = plan.BytesAsFp32, seconds = total, secondsByRound = plan.Rounds.Select(Seconds) }, Output.Json));
            return;
        }

        Consoles.Out.MarkupLineInterpolated($"[bold]{model.Job.Name}[/]: {model.Job.Workflow}, {model.Job.Sites.Count} sites, {model.Job.Rounds} rounds, {model.Summary.Name} with {plan.Parameters.ToString("N0", CultureInfo.InvariantCulture)} parameters");
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn(new TableColumn("round").RightAligned()).AddColumn(new TableColumn("down").RightAligned()).AddColumn(new TableColumn("up").RightAligned()).AddColumn(new TableColumn("time").RightAligned());
        foreach (RoundPlan round in plan.Rounds.Take(RoundsShownMax))
        {
            table.AddRow($"{round.Round}", Output.Bytes(round.Down), Output.Bytes(round.Up), Output.Time(Seconds(round)));
        }

        if (plan.Rounds.Count > RoundsShownMax)
        {
            table.AddRow("...", string.Empty, string.Empty, string.Empty);
        }

        table.AddRow("all", Output.Bytes(plan.Rounds.Sum(round => round.Down)), Output.Bytes(plan.Rounds.Sum(round => round.Up)), Output.Time(total));
        Consoles.Out.Write(table);
        string unit = plan.StreamedUnit == 0 ? "nothing of a message in memory but buffers" : $"{Output.Bytes(plan.StreamedUnit)} of a message in memory";
        string[] lines =
        [
            $"a site fetches {Output.Bytes(plan.FirstDown)} at first, then {Output.Bytes(plan.LaterDown)} a round, and sends {Output.Bytes(plan.Up)}",
            plan.CatchUp == 0 ? "a site that missed a round fetches nothing more for it" : $"a site that missed rounds fetches {Output.Bytes(plan.CatchUp)} more when it comes back",
            $"{Output.Percent(plan.Bytes, plan.BytesAsFp32)} of what fp32 weights would take",
            $"server: up to {Output.Bytes(plan.ServerDisk)} of disk; {unit}",
            $"site:   up to {Output.Bytes(plan.SiteDisk)} of disk; {unit}; {Output.Bytes(plan.TrainerMemory)} for weights, gradients and optimizer where the trainer inside trains, and activations",
            $"times are of transfers at {parsed.GetRequiredValue(Bandwidth)}, all through the server's line{(trainSeconds > 0 ? $", and {Output.Time(trainSeconds)} of training a round" : "; training comes on top (--train-seconds)")}",
        ];
        foreach (string line in lines)
        {
            Console.Out.WriteLine(line);
        }
    }
}
