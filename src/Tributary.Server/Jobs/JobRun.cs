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
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// A running job: what its controller asks for, done with files, the journal and the sites. Run again after a restart it goes on from
/// the journal: closed steps are answered from the record, an open one keeps the results it has.
/// </summary>
internal sealed class JobRun : ControllerContext, IDisposable
{
    private readonly JobFolder _folder;
    private readonly Journal _journal;
    private readonly MessageBroadcast _broadcast;
    private readonly TimeProvider _time;
    private readonly Action<JobEvent> _report;
    private readonly TensorSource _initial;
    private readonly FilterPipeline _resultIn;
    private readonly List<IDisposable> _opened = [];
    private SafetensorsFile? _model;

    public JobRun(Job job, TensorSource initial, JobFolder folder, Journal journal, TimeProvider time, Action<JobEvent> report)
    {
        Job = job;
        _initial = initial;
        _folder = folder;
        _journal = journal;
        _time = time;
        _report = report;
        _broadcast = new MessageBroadcast(job, new CastSource(initial, DType.F32), folder, journal, time);
        _resultIn = FilterPipeline.For(FilterPoint.TaskResultIn, job.Precision);
        _journal.AddModel(job.Name, 0, 0);
        int latest = _journal.Models(job.Name)[^1].Round;
        Latest = OpenModel(latest);
    }

    public override Job Job { get; }

    public override GlobalModel Latest { get; }

    /// <summary>The step that sites work on now.</summary>
    public OpenStep? Open { get; private set; }

    /// <summary>Told when a step is opened, so that sites that wait for a task look again.</summary>
    public Action StepOpened { get; init; } = static () => { };

    public override async Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken)
    {
        CloseOpened();
        StepRow? row = _journal.Steps(Job.Name).FirstOrDefault(row => row.Round == request.Round && row.Step == request.Step);
        if (row?.Closed is null)
        {
            try
            {
                await CollectAsync(request, row, cancellationToken);
            }
            catch (Exception e) when (e is SiteLostException or StepBrokenException or TensorFormatException || IsDiskFault(e))
            {
                throw new JobFailedException($"round {request.Round} ({request.Task}): {e.Message}", e);
            }
        }

        return Results(request);
    }

    public override Task<GlobalModel> SaveAsync(int round, Func<TensorSource> weights, CancellationToken cancellationToken)
    {
        if (!_journal.Models(Job.Name).Any(model => model.Round == round))
        {
            _report(new MergeStarted(round));
            long start = Stopwatch.GetTimestamp();
            try
            {
                new SafetensorsWriter(weights()).WriteFile(_folder.Model(round), cancellationToken);
                _journal.AddModel(Job.Name, round, Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            catch (Exception e) when (IsDiskFault(e))
            {
                throw new JobFailedException($"round {round} (merge): {e.Message}", e);
            }

            _report(new ModelSaved(round));
        }

        CloseOpened();
        _folder.ClearSpool(round);
        return Task.FromResult(OpenModel(round));
    }

    public override void RecordLoss(GlobalModel model, double loss)
    {
        _journal.SetLoss(Job.Name, model.Round, loss);
        _report(new LossKnown(model.Round, loss));
        int best = Best(_journal.Models(Job.Name));
        _folder.ClearModels(new HashSet<string>(_broadcast.Held, StringComparer.Ordinal) { _folder.Model(model.Round), _folder.Model(best) });
    }

    /// <summary>A result whose message, if it has one, is durable in the spool. Journalled before it counts.</summary>
    /// <returns>False where the step is closed.</returns>
    /// <exception cref="MessageRefusedException">It is not what the job exchanges, or its change is against another model than this step's.</exception>
    /// <exception cref="TensorFormatException">The message cannot be read, or its tensors are not the model's.</exception>
    public bool AddResult(ResultRow result)
    {
        if (Open is not { } open || open.Round != result.Round || open.Step != result.Step)
        {
            return false;
        }

        CheckMessage(result, open);
        bool counts = _journal.AddResult(Job.Name, result);
        open.State.Count(result.Site);
        if (counts)
        {
            long bytes = result.Digest is null ? 0 : new FileInfo(_folder.Spool(result.Round, result.Step, result.Site)).Length;
            _report(new ResultCounted(result.Round, result.Site, bytes, result.Metrics));
        }

        open.Signal();
        return true;
    }

    public void Report(JobEvent happened) => _report(happened);

    public void Dispose()
    {
        CloseOpened();
        _model?.Dispose();
    }

    internal static int Best(IReadOnlyList<ModelRow> models) => models.Where(model => model.Loss is not null).MinBy(model => model.Loss)?.Round ?? models[^1].Round;

    private static bool IsDiskFault(Exception e) => e is IOException or UnauthorizedAccessException or SqliteException;

    /// <summary>A message is looked at before it counts, so that what is wrong with it is its site's failure and not the merge's.</summary>
    private void CheckMessage(ResultRow result, OpenStep open)
    {
        if (result.Meaning is not { } meaning)
        {
            return;
        }

        MessageKind expected = Job.Exchange == Exchange.Delta ? MessageKind.Delta : MessageKind.Weights;
        if (meaning.Kind != expected || (meaning.Base is null) != (expected == MessageKind.Weights))
        {
            string text = meaning.Base is null ? "against no model" : "against a model";
            throw new MessageRefusedException($"the message says that it is {meaning.Kind} {text}, but this job exchanges {Job.Exchange}; it was not applied");
        }

        meaning.RequireBase(open.Message.ModelDigest);
        if (result.Digest is not null)
        {
            CheckTensors(_folder.Spool(result.Round, result.Step, result.Site), open.Model);
        }
    }

    private static void CheckTensors(string path, TensorManifest model)
    {
        try
        {
            using var message = MessageFile.Open(path);
            Manifests.Align(model, message.Manifest);
        }
        catch (TensorFormatException e)
        {
            // It goes to the site, whom the spool does not concern.
            throw new TensorFormatException(e.Message.Replace(path, "the message", StringComparison.Ordinal), e);
        }
    }

    private async Task CollectAsync(TaskRequest request, StepRow? row, CancellationToken cancellationToken)
    {
        var state = new StepState(Job.Sites, Job.SiteTimeout, Job.TaskRetries, _time);
        foreach (ResultRow result in _journal.Results(Job.Name).Where(result => result.Round == request.Round && result.Step == request.Step))
        {
            state.Count(result.Site);
        }

        if (row is null && !_broadcast.IsStored(request))
        {
            _report(new StepEncoding(request.Round, request.Task));
        }

        await using StepMessage message = _broadcast.Begin(request, row, cancellationToken);
        (ServedObject Object, BaseDocument Document)? offered = _broadcast.OfferBase(request, row);
        using var open = new OpenStep(Job, _folder, _journal, request, message, offered, state);
        Task<Exception>[] broken = offered is { } model ? [message.Object.Broken, model.Object.Broken] : [message.Object.Broken];
        Open = open;
        _report(new Federation.Rounds.StepOpened(request.Round, request.Task, message.Length));
        StepOpened();
        try
        {
            await WaitForSitesAsync(message, open, state, Task.WhenAny(broken), cancellationToken);
            await message.Object.CommitAsync();
        }
        finally
        {
            Open = null;
        }

        _journal.CloseStep(Job.Name, request.Round, request.Step);
    }

    /// <summary>Waits for the sites, and meanwhile for the encoder and what is offered, whose faults are the step's and not a site's.</summary>
    private async Task WaitForSitesAsync(StepMessage message, OpenStep open, StepState state, Task<Task<Exception>> broken, CancellationToken cancellationToken)
    {
        for (Task changed = open.Changed; !await IsBrokenAsync(message, broken) && !state.IsComplete(); changed = open.Changed)
        {
            // Wakes by itself once in a while to notice a site that says nothing.
            var tick = Task.Delay(Job.SiteTimeout / 10, _time, cancellationToken);
            await (message.Made.IsCompleted ? Task.WhenAny(changed, tick, broken) : Task.WhenAny(changed, tick, broken, message.Made));
            cancellationToken.ThrowIfCancellationRequested();
            if (message.Made.IsFaulted)
            {
                await message.Made;
            }
        }
    }

    /// <summary>A site is told that an object cannot be had after the object knows, so its failure never comes before the reason.</summary>
    /// <exception cref="StepBrokenException">An object cannot be had.</exception>
    private static async Task<bool> IsBrokenAsync(StepMessage message, Task<Task<Exception>> broken)
    {
        if (!broken.IsCompleted)
        {
            return false;
        }

        // Where it is the encoder that failed, what it says is the reason.
        await message.Made;
        Exception reason = await await broken;
        throw new StepBrokenException((reason.InnerException ?? reason).Message);
    }

    private List<SiteResult> Results(TaskRequest request)
    {
        var results = new List<SiteResult>();
        foreach (ResultRow row in _journal.Results(Job.Name).Where(row => row.Round == request.Round && row.Step == request.Step))
        {
            string path = _folder.Spool(row.Round, row.Step, row.Site);
            TensorSource? update = row.Digest is null ? null : Keep(_resultIn.Apply(Keep(OpenResult(row, path))));

            results.Add(new SiteResult(row.Site, update, row.Meaning?.Kind ?? MessageKind.Weights, row.Samples, row.Metrics));
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
