using System.Globalization;
using Spectre.Console;
using Tributary.Training.Benchmarks;

namespace Tributary.Cli.Terminal;

/// <summary>What a measurement of training came to.</summary>
internal static class TrainingTable
{
    public static void Print(string model, TrainingBenchmarkOptions options, TrainingBenchmarkResult result)
    {
        Consoles.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{model}: {result.Parameters:N0} parameters; {options.Batch} sequences of {options.Sequence} tokens, {result.Cost.StepFlop / 1e9:0.0} GFLOP a step; "
            + $"{options.Threads} thread{(options.Threads == 1 ? string.Empty : "s")}, best of {options.Rounds} rounds"));
        Table table = new Table().Border(TableBorder.Simple);
        string[] names = ["", "peak\nGFLOP/s", "forward\ntokens/s", "forward\nGFLOP/s", "of peak", "step\ntokens/s", "step\nGFLOP/s", "of peak", "of torch"];
        table.AddColumns([.. names.Select((name, i) => i == 0 ? new TableColumn(name) : new TableColumn(name).RightAligned().NoWrap())]);
        foreach (KernelSpeed kernel in result.Kernels)
        {
            table.AddRow(
                kernel.Kernel, Figure(kernel.PeakGflopPerSecond, 1), Figure(kernel.Forward.TokensPerSecond, 0), Figure(kernel.Forward.GflopPerSecond, 1),
                Figure(kernel.ForwardOfPeak, 2), Figure(kernel.Step.TokensPerSecond, 0), Figure(kernel.Step.GflopPerSecond, 1), Figure(kernel.StepOfPeak, 2),
                OfTorch(kernel, result.Torch) is { } ratio ? Figure(ratio, 2) : "-");
        }

        if (result.Torch is { } torch)
        {
            table.AddRow(
                $"torch {torch.Version}", "-", Figure(torch.Forward.TokensPerSecond, 0), Figure(torch.Forward.GflopPerSecond, 1), "-",
                Figure(torch.Step.TokensPerSecond, 0), Figure(torch.Step.GflopPerSecond, 1), "-", "1.00");
        }

        Consoles.Out.Write(table);
        Consoles.Out.WriteLine(result.Torch is null
            ? "no PyTorch to compare with; --python names an interpreter that has torch"
            : $"torch multiplies by {result.Torch.Blas ?? "a library that it does not tell"}, {result.Torch.Threads} thread(s)");
    }

    public static object Document(string model, TrainingBenchmarkOptions options, TrainingBenchmarkResult result) => new
    {
        model,
        parameters = result.Parameters,
        sequence = options.Sequence,
        batch = options.Batch,
        threads = options.Threads,
        cores = Environment.ProcessorCount,
        rounds = options.Rounds,
        forwardFlop = result.Cost.ForwardFlop,
        stepFlop = result.Cost.StepFlop,
        kernels = result.Kernels.Select(kernel => new
        {
            kernel = kernel.Kernel,
            peakGflops = kernel.PeakGflopPerSecond,
            forward = Document(kernel.Forward),
            step = Document(kernel.Step),
            forwardOfPeak = kernel.ForwardOfPeak,
            stepOfPeak = kernel.StepOfPeak,
            stepOfTorch = OfTorch(kernel, result.Torch),
            stepAllocatedBytes = kernel.StepAllocatedBytes,
        }),
        torch = result.Torch is not { } torch ? null : new
        {
            version = torch.Version,
            blas = torch.Blas,
            threads = torch.Threads,
            forward = Document(torch.Forward),
            step = Document(torch.Step),
        },
    };

    private static object Document(Speed speed) => new { seconds = speed.Seconds, tokensPerSecond = speed.TokensPerSecond, gflops = speed.GflopPerSecond };

    private static double? OfTorch(KernelSpeed kernel, TorchSpeed? torch) => torch is null ? null : kernel.Step.TokensPerSecond / torch.Step.TokensPerSecond;

    private static string Figure(double value, int digits) => value.ToString("F" + digits, CultureInfo.InvariantCulture);
}
