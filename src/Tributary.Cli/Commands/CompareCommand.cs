using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Codecs.Layouts;
using Tributary.Tensors;

namespace Tributary.Cli.Commands;

/// <summary><c>model compare</c>: how far two models are from each other.</summary>
internal static class CompareCommand
{
    private static readonly Argument<string> A = new("a") { Description = "The model to measure against: a file or checkpoint folder of any layout" };
    private static readonly Argument<string> B = new("b") { Description = "The other model" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var command = new Command("compare", "For each tensor of two models the ratio of signal to noise and the largest error, worst tensors first") { A, B, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => Task.FromResult(Run(parsed, cancellationToken))));
        return command.WithExamples("model compare models/llama llama-nf4", "model compare out/a/model out/b/model --json");
    }

    private static int Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        using TensorSource a = ModelCommand.Open(parsed.GetRequiredValue(A));
        using TensorSource b = ModelCommand.Open(parsed.GetRequiredValue(B));
        IReadOnlyList<TensorDifference> differences = ModelComparison.Compare(a, b, cancellationToken);
        if (parsed.GetValue(Json))
        {
            // JSON has no infinity: a tensor that is equal has no ratio, nor has one that is all zero in the first model.
            Console.Out.WriteLine(JsonSerializer.Serialize(
                new { tensors = differences.Select(difference => new { name = difference.Name, snrDb = Finite(difference.SnrDb), largestError = difference.LargestError, elements = difference.Elements }) },
                Output.Json));
            return 0;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumn("tensor");
        table.AddColumns([.. new[] { "SNR dB", "largest error" }.Select(name => new TableColumn(name).RightAligned().NoWrap())]);
        foreach (TensorDifference difference in differences)
        {
            table.AddRow(
                Markup.Escape(difference.Name),
                difference.LargestError == 0 ? "equal" : Finite(difference.SnrDb)?.ToString("0.0", CultureInfo.InvariantCulture) ?? "no signal",
                difference.LargestError.ToString("0.000e+0", CultureInfo.InvariantCulture));
        }

        Consoles.Out.Write(table);
        return 0;
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
