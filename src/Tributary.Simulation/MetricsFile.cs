using System.Text.Encodings.Web;
using System.Text.Json;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;

namespace Tributary.Simulation;

/// <summary>
/// metrics.jsonl: one line for each result of a site and each global loss, and for how far a site's training has come, as they come, for
/// plots of one's own. A run that goes on appends to it.
/// </summary>
internal sealed class MetricsFile : IDisposable
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _lock = new();
    private readonly Dictionary<string, SiteProgressed> _written = new(StringComparer.Ordinal);
    private readonly StreamWriter _writer;
    private readonly TimeProvider _time;

    public MetricsFile(string path, TimeProvider time)
    {
        _writer = new StreamWriter(path, append: true) { AutoFlush = true };
        _time = time;
    }

    public void Write(JobEvent happened)
    {
        Dictionary<string, object?>? line = happened switch
        {
            ResultCounted result => new(result.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => KeyValuePair.Create(metric.Key, (object?)metric.Value)))
            {
                ["site"] = result.Site,
                ["event"] = "result",
            },
            SiteProgressed { Progress: { Phase: TaskPhase.Training, Done: > 0 } } progressed when IsNew(progressed) => new()
            {
                ["event"] = "progress",
                ["site"] = progressed.Site,
                ["step"] = progressed.Progress.Done,
                ["steps"] = progressed.Progress.Total,
                ["loss"] = progressed.Progress.Loss,
                ["tokens_per_second"] = progressed.Progress.TokensPerSecond,
            },
            TaskRetried retried => new() { ["event"] = "retry", ["site"] = retried.Site, ["reason"] = retried.Reason },
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

    /// <summary>Whether a site has come further: it says the same again as a sign of life.</summary>
    private bool IsNew(SiteProgressed progressed)
    {
        lock (_lock)
        {
            bool isNew = !_written.TryGetValue(progressed.Site, out SiteProgressed? last) || last != progressed;
            _written[progressed.Site] = progressed;
            return isNew;
        }
    }

    public void Dispose() => _writer.Dispose();
}
