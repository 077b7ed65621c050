using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Server.Storage;
using Tributary.Server.Telemetry;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// A running job: what its controller asks for, done with files, the journal and the sites. Run again after a restart it goes on from
/// the journal: closed steps are answered from the record, an open one keeps the results it has.
/// </summary>
internal sealed class JobRun : ControllerContext, IAsyncDisposable
{
    private const string Merging = "merge";

    private readonly JobFolder _folder;
    private readonly Journal _journal;
    private readonly MessageBroadcast _broadcast;
    private readonly Action<JobEvent> _report;
    private readonly TensorSource _initial;
    private readonly FilterPipeline _resultIn;
    private readonly ResultCheck _check;
    private readonly RoundTrace _trace;
    private readonly PrivateRounds? _private;
    private readonly RingRounds _rings;
    private readonly Lock _gate = new();

    // Guarded by the gate: a merge that ends closes what is too old.
    private readonly Dictionary<(int Round, string Name), SafetensorsFile> _kept = [];
    private List<IDisposable> _opened = [];
    private TensorSource? _model;

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
        _rings = new RingRounds(this, report);
        _journal.AddModel(job.Name, 0, 0);
        int latest = _journal.Models(job.Name)[^1].Round;
        Latest = OpenModel(latest);
        _private = PrivateRounds.Of(job, TrainedTensors.Of(initial, job.Train).Manifest.ElementCount, folder.Privacy, time);
    }

    public override Job Job { get; }

    public override GlobalModel Latest { get; }

    /// <summary>The bytes of a global model as it is stored, without its header.</summary>
    public long ModelBytes => Latest.Weights.Manifest.ByteLength;

    /// <summary>The job as its submitter signed it; null where nobody did.</summary>
    public SignedJobDocument? Signed { get; init; }

    /// <summary>The steps that sites work on now.</summary>
    public StepCollector Steps { get; }

    /// <summary>Why the job ends with rounds left; null where it does not.</summary>
    public string? EndedEarly => _private?.Ended;

    /// <summary>Epsilon after each round whose model is durable; empty where the job has no differential privacy.</summary>
    public IReadOnlyList<double> Epsilons => _private is null ? [] : [.. _journal.Models(Job.Name).Where(model => model.Round > 0).Select(model => _private.EpsilonAfter(model.Round))];

    public override bool BeginRound(int round) => _private?.Begin(round, _report) ?? true;

    public override TensorSource Reduce(int round, IReadOnlyList<SiteResult> results, CancellationToken cancellationToken) =>
        Job.Precision.Ring is not null ? _rings.Mean(results) : _private?.Reduce(round, results) ?? base.Reduce(round, results, cancellationToken);

    /// <summary>What holds sites' signatures in secure aggregation against their certificates; null where sites have none.</summary>
    public VerifyStatement? Verify { get; init; }

    public override Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken) =>
        Job.Precision.Ring is not null && request.Task == TaskNames.Train ? _rings.BroadcastAsync(request, cancellationToken) : AskAsync(request, cancellationToken);

    /// <summary>Closes a step as it is asked for.</summary>
    public Task<IReadOnlyList<SiteResult>> AskAsync(TaskRequest request, CancellationToken cancellationToken) =>
        CloseAsync(request, row => Steps.CollectAsync(request, row, cancellationToken));

    public override Task<IReadOnlyList<SiteResult>> BufferAsync(TaskRequest request, int size, CancellationToken cancellationToken) =>
        CloseAsync(request, row => Steps.FillAsync(request, row, size, cancellationToken));

    /// <summary>Ends when the newest global model is durable, with its journal's row; its fault is the merge's.</summary>
    public Task Merged => _broadcast.Newest?.Saved ?? Task.CompletedTask;

    public override async Task<TensorSource> KeepAsync(int round, string name, Func<TensorSource> source, CancellationToken cancellationToken)
    {
        await Merged;
        if (FindKept(round, name) is { } kept)
        {
            return kept;
        }

        Do(round, name, () => new SafetensorsWriter(source()).WriteFile(_folder.Kept(round, name), cancellationToken));
        return FindKept(round, name)!;
    }

    public override TensorSource? FindKept(int round, string name)
    {
        lock (_gate)
        {
            if (_kept.TryGetValue((round, name), out SafetensorsFile? opened))
            {
                return opened;
            }

            string path = _folder.Kept(round, name);
            return File.Exists(path) ? _kept[(round, name)] = SafetensorsFile.Open(path) : null;
        }
    }

    public override async Task<GlobalModel> SaveAsync(int round, Func<TensorSource> weights, CancellationToken cancellationToken)
    {
        await Merged;
        TensorSource? before = _model;
        if (_journal.Models(Job.Name).Any(model => model.Round == round))
        {
            GlobalModel saved = OpenModel(round);
            Forget(round, [.. Interlocked.Exchange(ref _opened, []), before]);
            return saved;
        }

        _report(new MergeStarted(round));
        long start = Stopwatch.GetTimestamp();
        TracedOperation merge = _trace.BeginMerge(round);
        GrowingModel? model = null;
        Do(round, Merging, () => model = new GrowingModel(Forgetting(before ?? _initial, weights()), _folder.Model(round)));
        _model = model;
        _broadcast.Newest = model;
        List<IDisposable> used = Interlocked.Exchange(ref _opened, []);
        model!.Begin(
            () =>
            {
                _journal.AddModel(Job.Name, round, Stopwatch.GetElapsedTime(start).TotalSeconds);
                _private?.Saved(round);
                _report(new ModelSaved(round));
                Forget(round, [.. used, before]);
            },
            e => Explain(round, Merging, e),
            cancellationToken);
        _ = model.Saved.ContinueWith(
            saved =>
            {
                if (saved.Exception is { } fault)
                {
                    merge.Fail(fault.GetBaseException());
                }

                merge.Dispose();
                _trace.End(round);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return new GlobalModel(round, model);
    }

    public override void RecordLoss(GlobalModel model, double loss)
    {
        // The model's row comes first. Sites that have measured the model have it, and then there is nothing left to wait for.
        Merged.GetAwaiter().GetResult();
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
        ResultRow seen = _check.Look(open.Request, result, Job.SecureAggregation is null ? open.Message.ModelDigest : SentModel(open.Round, AggregationTasks.AttemptOf(open.Step)), cancellationToken);
        if (open.Message.Chosen.Count > 0)
        {
            seen = seen with { Metrics = seen.Metrics.Concat(open.Message.Chosen.Select(chosen => KeyValuePair.Create(MetricNames.DownShare + chosen.Key, chosen.Value))).ToDictionary(StringComparer.Ordinal) };
        }

        return Steps.Add(open, seen, result.Digest is null ? 0 : new FileInfo(_folder.Spool(result.Round, result.Step, result.Site)).Length);
    }

    public void Report(JobEvent happened) => _report(happened);

    /// <summary>The digest of the model that the sites of a round under secure aggregation hold, as an attempt's first step has sent it.</summary>
    public string SentModel(int round, int attempt)
    {
        StepRow keys = _journal.Steps(Job.Name).First(row => row.Round == round && row.Step == attempt * AggregationTasks.StepsOfAttempt);
        return keys.Meaning.ModelDigest(keys.Digest);
    }

    /// <summary>The digest of all tensors of the model that was sent last, as each site computes it of the model that it holds: unlike names of models, no one can make two of the same.</summary>
    public string SentContent(CancellationToken cancellationToken)
    {
        List<IDisposable> opened = [];
        try
        {
            return CheckpointDigest.Of(_broadcast.OpenLastShadow(opened), cancellationToken);
        }
        finally
        {
            opened.ForEach(source => source.Dispose());
        }
    }

    /// <summary>How many attempts at a round's sum were begun, also before a restart.</summary>
    public int Attempts(int round) => _journal.Steps(Job.Name).Where(row => row.Round == round).Select(row => AggregationTasks.AttemptOf(row.Step) + 1).DefaultIfEmpty(0).Max();

    public async ValueTask DisposeAsync()
    {
        // A merge ends by itself, and at once where the job was cancelled. Steps may wait for what it writes.
        await Merged.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await Steps.DisposeAsync();
        _trace.Dispose();
        _private?.Dispose();
        _opened.ForEach(source => source.Dispose());
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

                // A model that cannot be merged breaks the message that is made of it: then it is the merge that failed, and not the step.
                await Merged;
                throw Explain(request.Round, request.Task, e);
            }
        }

        return Results(request);
    }

    private static void Do(int round, string what, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is TensorFormatException || IsDiskFault(e))
        {
            throw Explain(round, what, e);
        }
    }

    /// <summary>A fault as the end of a job is told; what is no fault of data, disk or sites stays as it is.</summary>
    private static Exception Explain(int round, string what, Exception e) =>
        e is QuorumLostException or StepBrokenException or TensorFormatException || IsDiskFault(e) ? new JobFailedException($"round {round} ({what}): {e.Message}", e) : e;

    /// <summary>Closes and removes what the models up to a round were made of, and what was kept beside earlier ones.</summary>
    private void Forget(int round, IEnumerable<IDisposable?> used)
    {
        foreach (IDisposable? source in used)
        {
            source?.Dispose();
        }

        HashSet<string> unused = [.. _journal.UnusedResults(Job.Name).Select(result => _folder.Spool(result.Round, result.Step, result.Site))];
        _folder.ClearSpool(path => unused.Contains(path) || Steps.Open.Any(open => path.StartsWith(_folder.Spool(open.Round, open.Step), StringComparison.Ordinal)));
        lock (_gate)
        {
            foreach ((int Round, string Name) key in _kept.Keys.Where(key => key.Round < round).ToArray())
            {
                _kept.Remove(key, out SafetensorsFile? kept);
                kept!.Dispose();
            }
        }

        _folder.ClearKept(round);
    }

    private List<SiteResult> Results(TaskRequest request)
    {
        var results = new List<SiteResult>();
        foreach (ResultRow row in _journal.ResultsFor(Job.Name, request.Round, request.Step))
        {
            string path = _folder.Spool(row.Round, row.Step, row.Site);
            TensorSource? update = row.Digest is null ? null
                : Job.Precision.Ring is { } ring ? Keep(new UnpackedSource(Keep(OpenResult(row, path)), RingTensors.Of(Job, TrainedTensors.Of(request.Model.Weights, Job.Train).Manifest), ring.Bits))
                : Keep(_resultIn.Apply(Keep(OpenResult(row, path))));
            results.Add(new SiteResult(row.Site, update, row.Meaning?.Kind ?? MessageKind.Weights, row.Samples, row.Metrics, row.Round) { Answer = row.Answer });
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

    /// <summary>The next model without that share of what the last message lost which the job does not keep.</summary>
    /// <param name="sent">The model that the message was made of.</param>
    /// <param name="next">The model that was made of its results.</param>
    private TensorSource Forgetting(TensorSource sent, TensorSource next)
    {
        if (Job is not { Exchange: Exchange.Delta, TaskFeedback: { } kept and < 1 })
        {
            return next;
        }

        TensorSource shadow = TrainedTensors.Of(_broadcast.OpenLastShadow(_opened), Job.Train);
        var lost = new DeltaSource(shadow, TrainedTensors.Of(new CastSource(sent, DType.F32), Job.Train));

        // Of tensors that are no floats nothing is lost, and there is no share of them.
        IEnumerable<int> floats = Enumerable.Range(0, lost.Manifest.Count).Where(place => lost.Manifest[place].Spec.DType == DType.F32);
        return new AppliedDelta(next, new ScaledSource(new SelectedTensors(lost, floats), (float)(1 - kept)), isPartial: true);
    }

    /// <summary>
    /// The global model's floats are fp32 whatever the initial ones are, so that what a round changes is not rounded away by a 16-bit type.
    /// </summary>
    /// <remarks>The initial one is the caller's to close.</remarks>
    private GlobalModel OpenModel(int round)
    {
        if (round == 0)
        {
            return new GlobalModel(0, new CastSource(_initial, DType.F32));
        }

        _model = SafetensorsFile.Open(_folder.Model(round));
        return new GlobalModel(round, _model);
    }

    private T Keep<T>(T source)
        where T : IDisposable
    {
        _opened.Add(source);
        return source;
    }
}
