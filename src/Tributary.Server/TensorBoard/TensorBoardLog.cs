using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;

namespace Tributary.Server.TensorBoard;

/// <summary>
/// A job's curves for TensorBoard, over its rounds: a run <c>global</c>, and one for each site, so that sites lie over each other in the same
/// charts. A job that goes on after a restart goes on in the same files, and nothing stands there twice.
/// </summary>
public sealed class TensorBoardLog : IDisposable
{
    private static readonly Dictionary<string, string> Tags = new(StringComparer.Ordinal)
    {
        [MetricNames.ReceivedLoss] = "loss/received",
        [MetricNames.LocalLoss] = "loss/local",
        [MetricNames.TrainLoss] = "loss/train",
        [MetricNames.BytesDown] = "bytes/down",
        [MetricNames.BytesUp] = "bytes/up",
        [MetricNames.DownloadSeconds] = "seconds/download",
        [MetricNames.EvaluateSeconds] = "seconds/evaluate",
        [MetricNames.TrainSeconds] = "seconds/train",
        [MetricNames.UploadSeconds] = "seconds/upload",
    };

    private readonly Lock _lock = new();
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, EventFile> _files = new(StringComparer.Ordinal);
    private (int Round, long Start) _merge;

    /// <summary>Makes the log; files are made when there is something to write.</summary>
    /// <param name="folder">What TensorBoard is given as --logdir.</param>
    /// <param name="time">The clock.</param>
    public TensorBoardLog(string folder, TimeProvider time)
    {
        _folder = folder;
        _time = time;
    }

    /// <summary>Writes what an event says of a curve, if it does.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(JobEvent happened)
    {
        lock (_lock)
        {
            switch (happened)
            {
                case ResultCounted result:
                    foreach ((string name, double value) in result.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal))
                    {
                        Add(Path.Combine("sites", result.Site), Tags.GetValueOrDefault(name) ?? $"figures/{name}", result.Round, value);
                    }

                    break;
                case StepOpened opened:
                    Add("global", "bytes/message", opened.Round, opened.MessageBytes);
                    break;
                case LossKnown known:
                    Add("global", "loss/held_out", known.Round, known.Loss);
                    break;
                case MergeStarted started:
                    _merge = (started.Round, _time.GetTimestamp());
                    break;
                case ModelSaved saved when saved.Round == _merge.Round:
                    Add("global", "seconds/merge", saved.Round, _time.GetElapsedTime(_merge.Start).TotalSeconds);
                    break;
            }
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (EventFile file in _files.Values)
            {
                file.Dispose();
            }

            _files.Clear();
        }
    }

    private void Add(string run, string tag, int round, double value)
    {
        DateTimeOffset now = _time.GetUtcNow();
        if (!_files.TryGetValue(run, out EventFile? file))
        {
            _files[run] = file = new EventFile(Path.Combine(_folder, run), now);
        }

        file.Add(new ScalarEvent(tag, round, (float)value, now));
    }
}
