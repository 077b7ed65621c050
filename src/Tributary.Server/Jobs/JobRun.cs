using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Server.Telemetry;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// A running job: what its controller asks for, done with files, the journal and the sites. Run again after a restart it goes on from
/// the journal: closed steps are answered from the record, an open one keeps the results it has.
/// </summary>
internal sealed class JobRun : ControllerContext, IAsyncDisposable
{
    private readonly JobFolder _folder;
    private readonly Journal _journal;
    private readonly MessageBroadcast _broadcast;
    private readonly Action<JobEvent> _report;
    private readonly TensorSource _initial;
    private readonly FilterPipeline _resultIn;
    private readonly ResultCheck _check;
    private readonly RoundTrace _trace;
    private readonly List<IDisposable> _opened = [];
    private readonly Dictionary<(int Round, string Name), SafetensorsFile> _kept = [];
    private SafetensorsFile? _model;

    public JobRun(Job job, TensorSource initial, JobFolder folder, Journal journal, TimeProvider time, Action<JobEvent> report, Action stepOpened)
    {
        Job = job;
        _initial = initial;
        _folder = folder;
        _journal = journal;
        _report = report;
        _broadcast = new MessageBroadcast(job, new CastSource(initial, DType.F32), folder, journal, time);
        Steps = new StepCollector(job, folder, journal, _broadcast, time, report) { StepOpened = stepOpened };
        _broadcast.IsOpen = row => Steps.IsOpen(row.Round, row.Step);
        _resultIn = FilterPipeline.For(FilterPoint.TaskResultIn, job.Precision);
        _trace = new RoundTrace(job);
        _check = new ResultCheck(job, folder, _resultIn);
        _journal.AddModel(job.Name, 0, 0);
        int latest = _journal.Models(job.Name)[^1].Round;
        Latest = OpenModel(latest);
    }

    public override Job Job { get; }

    public override GlobalModel Latest { get; }

    /// <summary>The bytes of a global model as it is stored, without its header.</summary>
    public long ModelBytes => Latest.Weights.Manifest.ByteLength;

    /// <summary>The job as its submitter signed it; null where nobody did.</summary>
    public SignedJobDocument? Signed { get; init; }

    /// <summary>The steps that sites work on now.</summary>
    public StepCollector Steps { get; }

    public override Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken) =>
        CloseAsync(request, row => Steps.CollectAsync(request, row, cancellationToken));

    public override Task<IReadOnlyList<SiteResult>> BufferAsync(TaskRequest request, int size, CancellationToken cancellationToken) =>
        CloseAsync(request, row => Steps.FillAsync(request, row, size, cancellationToken));

    public override Task<TensorSource> KeepAsync(int round, string name, Func<TensorSource> source, CancellationToken cancellationToken)
    {
        if (FindKept(round, name) is { } kept)
        {
            return Task.FromResult(kept);
        }

        Write(round, name, source, _folder.Kept(round, name), cancellationToken);
        return Task.FromResult(FindKept(round, name)!);
    }

    public override TensorSource? FindKept(int round, string name)
    {
        if (_kept.TryGetValue((round, name), out SafetensorsFile? opened))
        {
            return opened;
        }

        string path = _folder.Kept(round, name);
        return File.Exists(path) ? _kept[(round, name)] = SafetensorsFile.Open(path) : null;
    }

    public override Task<GlobalModel> SaveAsync(int round, Func<TensorSource> weights, CancellationToken cancellationToken)
    {
        if (!_journal.Models(Job.Name).Any(model => model.Round == round))
        {
            _report(new MergeStarted(round));
            long start = Stopwatch.GetTimestamp();
            using TracedOperation merge = _trace.BeginMerge(round);
            Write(round, "merge", weights, _folder.Model(round), cancellationToken);
            _journal.AddModel(Job.Name, round, Stopwatch.GetElapsedTime(start).TotalSeconds);
            _report(new ModelSaved(round));
        }

        CloseOpened();
        GlobalModel model = OpenModel(round);
        ClearUsed(round);
        _trace.Dispose();
        return Task.FromResult(model);
    }

    public override void RecordLoss(GlobalModel model, double loss)
    {
        _journal.SetLoss(Job.Name, model.Round, loss);
        _report(new LossKnown(model.Round, loss));
        int best = Best(_journal.Models(Job.Name));
        _folder.ClearModels(new HashSet<string>(_broadcast.Held, StringComparer.Ordinal) { _folder.Model(model.Round), _folder.Model(best) });
    }

    /// <summary>A result whose message, if it has one, is durable in the spool. Looked at and journalled before it counts.</summary>
    /// <returns>False where the step is closed.</returns>
    /// <exception cref="MessageRefusedException">It is not what the job exchanges, or its change is against another model than this step's.</exception>
    /// <exception cref="TensorFormatException">The message cannot be read, its tensors are not the model's, or a value is none.</exception>
    public bool AddResult(OpenStep open, ResultRow result, CancellationToken cancellationToken)
    {
        ResultRow seen = _check.Look(open.Request, result, open.Message.ModelDigest, cancellationToken);
        return Steps.Add(open, seen, result.Digest is null ? 0 : new FileInfo(_folder.Spool(result.Round, result.Step, result.Site)).Length);
    }

    public void Report(JobEvent happened) => _report(happened);

    public async ValueTask DisposeAsync()
    {
        await Steps.DisposeAsync();
        _trace.Dispose();
        CloseOpened();
        _model?.Dispose();
        foreach (SafetensorsFile kept in _kept.Values)
        {
            kept.Dispose();
        }
    }

    internal static int Best(IReadOnlyList<ModelRow> models) => models.Where(model => model.Loss is not null).MinBy(model => model.Loss)?.Round ?? models[^1].Round;

    private static bool IsDiskFault(Exception e) => e is IOException or UnauthorizedAccessException or SqliteException;

    private async Task<IReadOnlyList<SiteResult>> CloseAsync(TaskRequest request, Func<StepRow?, Task> collect)
    {
        StepRow? row = _journal.Steps(Job.Name).FirstOrDefault(row => row.Round == request.Round && row.Step == request.Step);
        if (row?.Closed is null)
        {
            using TracedOperation step = _trace.BeginStep(request);
            try
            {
                await collect(row);
            }
            catch (Exception e) when (e is QuorumLostException or StepBrokenException or TensorFormatException || IsDiskFault(e))
            {
                step.Fail(e);
                throw new JobFailedException($"round {request.Round} ({request.Task}): {e.Message}", e);
            }
        }

        return Results(request);
    }

    private void Write(int round, string what, Func<TensorSource> source, string path, CancellationToken cancellationToken)
    {
        try
        {
            new SafetensorsWriter(source()).WriteFile(path, cancellationToken);
        }
        catch (Exception e) when (IsDiskFault(e))
        {
            throw new JobFailedException($"round {round} ({what}): {e.Message}", e);
        }
    }

    /// <summary>Removes what the models up to a round were made of, and what was kept beside earlier ones.</summary>
    private void ClearUsed(int round)
    {
        HashSet<string> unused = [.. _journal.UnusedResults(Job.Name).Select(result => _folder.Spool(result.Round, result.Step, result.Site))];
        _folder.ClearSpool(path => unused.Contains(path) || Steps.Open.Any(open => path.StartsWith(_folder.Spool(open.Round, open.Step), StringComparison.Ordinal)));
        foreach ((int Round, string Name) key in _kept.Keys.Where(key => key.Round < round).ToArray())
        {
            _kept.Remove(key, out SafetensorsFile? kept);
            kept!.Dispose();
        }

        _folder.ClearKept(round);
    }

    private List<SiteResult> Results(TaskRequest request)
    {
        var results = new List<SiteResult>();
        foreach (ResultRow row in _journal.ResultsFor(Job.Name, request.Round, request.Step))
        {
            string path = _folder.Spool(row.Round, row.Step, row.Site);
            TensorSource? update = row.Digest is null ? null : Keep(_resultIn.Apply(Keep(OpenResult(row, path))));

            results.Add(new SiteResult(row.Site, update, row.Meaning?.Kind ?? MessageKind.Weights, row.Samples, row.Metrics, row.Round));
        }

        return results;
    }

    private static MessageFile OpenResult(ResultRow row, string path)
    {
        try
        {
            return MessageFile.Open(path);
        }
        catch (Exception e) when (e is TensorFormatException or IOException)
        {
            throw new JobFailedException($"round {row.Round}: the message of site '{row.Site}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>
    /// The global model's floats are fp32 whatever the initial ones are, so that what a round changes is not rounded away by a 16-bit type.
    /// </summary>
    /// <remarks>Opens a round's model and closes the one before it. The initial one is the caller's to close.</remarks>
    private GlobalModel OpenModel(int round)
    {
        if (round == 0)
        {
            return new GlobalModel(0, new CastSource(_initial, DType.F32));
        }

        _model?.Dispose();
        _model = SafetensorsFile.Open(_folder.Model(round));
        return new GlobalModel(round, _model);
    }

    private T Keep<T>(T source)
        where T : IDisposable
    {
        _opened.Add(source);
        return source;
    }

    private void CloseOpened()
    {
        foreach (IDisposable source in _opened)
        {
            source.Dispose();
        }

        _opened.Clear();
    }
}
