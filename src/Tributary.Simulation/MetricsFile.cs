using System.Text.Encodings.Web;
using System.Text.Json;
using Tributary.Federation.Rounds;

namespace Tributary.Simulation;

/// <summary>
/// metrics.jsonl: one line for each result of a site and each global loss, as they come, for plots of one's own. A run that goes on
/// appends to it.
/// </summary>
internal sealed class MetricsFile : IDisposable
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _lock = new();
    private readonly StreamWriter _writer;
    private readonly TimeProvider _time;

    public MetricsFile(string path, TimeProvider time)
    {
        _writer = new StreamWriter(path, append: true) { AutoFlush = true };
        _time = time;
    }

    public void Write(JobEvent happened)
    {
        Dictionary<string, object>? line = happened switch
        {
            ResultCounted result => new(result.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => KeyValuePair.Create(metric.Key, (object)metric.Value)))
            {
                ["site"] = result.Site,
                ["event"] = "result",
            },
            LossKnown loss => new() { ["event"] = "global_loss", ["loss"] = loss.Loss },
            ModelSaved => new() { ["event"] = "model" },
            _ => null,
        };
        if (line is null)
        {
            return;
        }

        line["round"] = happened.Round;
        line["time"] = _time.GetUtcNow();
        lock (_lock)
        {
            _writer.WriteLine(JsonSerializer.Serialize(line, Options));
        }
    }

    public void Dispose() => _writer.Dispose();
}
