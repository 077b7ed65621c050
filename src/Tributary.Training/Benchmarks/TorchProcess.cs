using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tributary.Training.Benchmarks;

/// <summary>A Python process that does forward passes and steps of the same model in PyTorch, one after the other as it is told.</summary>
internal sealed class TorchProcess : IDisposable
{
    private const string Script = "torch_step.py";
    private const int NoTorch = 3;

    private readonly Process _process;

    private TorchProcess(Process process) => _process = process;

    public string Version { get; private set; } = string.Empty;

    public string? Blas { get; private set; }

    public int Threads { get; private set; }

    /// <summary>Starts the first interpreter that has torch; nothing if none does.</summary>
    public static async Task<TorchProcess?> StartAsync(TrainingBenchmarkOptions options, CancellationToken cancellationToken)
    {
        foreach (string python in options.Pythons)
        {
            if (await TryStartAsync(python, options, cancellationToken) is { } torch)
            {
                return torch;
            }
        }

        return null;
    }

    /// <summary>Does a forward pass or a step.</summary>
    /// <returns>Its seconds.</returns>
    public async Task<double> MeasureAsync(string what, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync(what.AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        using JsonDocument answer = JsonDocument.Parse(await _process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw Ended());
        return answer.RootElement.GetProperty("seconds").GetDouble();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static async Task<TorchProcess?> TryStartAsync(string python, TrainingBenchmarkOptions options, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(python, ["-c", ReadScript(), Arguments(options).ToJsonString()])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["OPENBLAS_NUM_THREADS"] = start.Environment["OMP_NUM_THREADS"] = $"{options.Threads}";
        TorchProcess torch;
        try
        {
            torch = new TorchProcess(Process.Start(start)!);
        }
        catch (Win32Exception)
        {
            return null; // there is no such interpreter
        }

        try
        {
            string? ready = await torch._process.StandardOutput.ReadLineAsync(cancellationToken);
            if (ready is null)
            {
                await torch._process.WaitForExitAsync(cancellationToken);
                throw torch.Ended();
            }

            using JsonDocument document = JsonDocument.Parse(ready);
            torch.Version = document.RootElement.GetProperty("version").GetString()!;
            torch.Blas = document.RootElement.GetProperty("blas").GetString();
            torch.Threads = document.RootElement.GetProperty("threads").GetInt32();
            return torch;
        }
        catch (Exception e)
        {
            bool noTorch = e is IOException && torch._process.HasExited && torch._process.ExitCode == NoTorch;
            torch.Dispose();
            if (noTorch)
            {
                return null;
            }

            throw;
        }
    }

    private static JsonObject Arguments(TrainingBenchmarkOptions options) => new()
    {
        ["config"] = new JsonObject
        {
            ["hidden_size"] = options.Config.HiddenSize,
            ["intermediate_size"] = options.Config.IntermediateSize,
            ["num_hidden_layers"] = options.Config.LayerCount,
            ["num_attention_heads"] = options.Config.HeadCount,
            ["num_key_value_heads"] = options.Config.KeyValueHeadCount,
            ["head_dim"] = options.Config.HeadLength,
            ["vocab_size"] = options.Config.VocabularySize,
            ["rms_norm_eps"] = options.Config.NormEpsilon,
            ["rope_theta"] = options.Config.RopeTheta,
            ["tie_word_embeddings"] = options.Config.TiedEmbeddings,
        },
        ["batch"] = options.Batch,
        ["sequence"] = options.Sequence,
        ["threads"] = options.Threads,
    };

    private static string ReadScript()
    {
        using var reader = new StreamReader(typeof(TorchProcess).Assembly.GetManifestResourceStream(Script)!);
        return reader.ReadToEnd();
    }

    private IOException Ended()
    {
        _process.WaitForExit();
        return new IOException($"The PyTorch process ended with code {_process.ExitCode}; what it said is on stderr.");
    }
}
