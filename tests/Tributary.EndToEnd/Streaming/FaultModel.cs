using System.Collections.Concurrent;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Streaming;

/// <summary>A model of 200 MiB in the shape of Llama 3.2 1B, and what arrives of it, at each precision, when nothing goes wrong.</summary>
public sealed class FaultModel : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly ConcurrentDictionary<string, Task<Arrived>> _undisturbed = new(StringComparer.Ordinal);

    public string Path => _folder["model"];

    /// <summary>A new folder for a run's processes.</summary>
    public string RunFolder() => Directory.CreateDirectory(_folder[Guid.NewGuid().ToString("N")]).FullName;

    public async ValueTask InitializeAsync()
    {
        ProgramResult made = await TributaryProgram.RunAsync(
            _folder.Path, TestContext.Current.CancellationToken, "model", "new", "--preset", "llama-3.2-1b", "--scale", "0.035", "--out", "model");
        made.ExitCode.ShouldBe(0, made.Error);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>What arrives at both ends without a fault; run once for a precision.</summary>
    internal Task<Arrived> UndisturbedAsync(string precision) => _undisturbed.GetOrAdd(precision, async wanted =>
    {
        await using FaultyRun run = await FaultyRun.StartAsync(this, wanted);
        await run.BeginAsync();
        return await run.FinishAsync();
    });
}
