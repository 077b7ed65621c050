using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Codecs;
using Tributary.Simulation;
using Tributary.Simulation.Sensitivity;

namespace Tributary.Cli.Commands;

/// <summary><c>sensitivity</c>: which tensors can do with few bits.</summary>
internal static class SensitivityCommand
{
    private const int Shown = 10;

    private static readonly Option<DirectoryInfo> Model = new("--model") { Description = "The model's checkpoint folder: a Llama", Required = true };
    private static readonly Option<FileInfo> Data = new("--data") { Description = "The records to measure the loss on (JSONL)", Required = true };
    private static readonly Option<int?> Records = new("--records") { Description = "Take only that many of the first records [default: all]" };
    private static readonly Option<string[]> Precisions = new("--precision") { Description = "The precisions to try [default: int8, nf4, int4, int2]", AllowMultipleArgumentsPerToken = true };
    private static readonly Option<DirectoryInfo?> Out = new("--out") { Description = "The folder for sensitivity.json and report.html [default: out/sensitivity]" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    public static Command Create()
    {
        var command = new Command("sensitivity", "Put one tensor at a time of a model through each precision, and tell how much the loss rises; a job's 'precision: { budget: 7 %, sensitivity: FILE }' goes by it")
        {
            Model, Data, Records, Precisions, Out, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => Task.FromResult(Run(parsed, cancellationToken))));
        return command.WithExamples(
            "sensitivity --model out/quickstart/model --data samples/quickstart/data/garage.jsonl",
            "sensitivity --model models/llama --data held-out.jsonl --records 100 --precision nf4 int2 --json");
    }

    private static int Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        string[] names = parsed.GetValue(Precisions) is { Length: > 0 } given ? given : ["int8", "nf4", "int4", "int2"];
        var options = new SensitivityOptions
        {
            ModelFolder = parsed.GetRequiredValue(Model).FullName,
            DataPath = parsed.GetRequiredValue(Data).FullName,
            RecordsMax = parsed.GetValue(Records) is { } records ? records >= 1 ? records : throw new UsageException("--records should be at least 1") : null,
            Precisions = [.. names.Select(name => Precision.Parse(Choices.Precision(name)))],
        };
        string folder = parsed.GetValue(Out)?.FullName ?? Path.GetFullPath(Path.Combine("out", "sensitivity"));
        SensitivityReport report;
        using (var view = new ExperimentView())
        {
            report = SensitivityAnalysis.Prepare(options).Run(view.Show, cancellationToken);
        }

        SensitivityPage.Write(report, folder);
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(report.ToJson());
            return 0;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumn("tensor");
        table.AddColumns([.. names.Select(name => new TableColumn(name).RightAligned().NoWrap())]);
        foreach (TensorSensitivity tensor in report.Tensors.OrderByDescending(tensor => tensor.Precisions.Max(effect => effect.Rise)).Take(Shown))
        {
            table.AddRow([Markup.Escape(tensor.Name), .. tensor.Precisions.Select(effect => effect.Rise.ToString("+0.0000;-0.0000", CultureInfo.InvariantCulture))]);
        }

        Consoles.Out.Write(table);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The {Math.Min(Shown, report.Tensors.Count)} most sensitive of {report.Tensors.Count} tensors: the rise of the loss, which is {report.Loss:F4} nats on {report.Records} records."));
        Console.Out.WriteLine($"figures    {Path.Combine(folder, SensitivityPage.FiguresName)}");
        Console.Out.WriteLine($"report     {Path.Combine(folder, SensitivityPage.FileName)}");
        return 0;
    }
}
