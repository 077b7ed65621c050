using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Tributary.Client;
using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Site.Rules;
using Tributary.Site.Telemetry;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Site;

/// <summary>
/// A site's agent: asks the server for tasks, fetches their messages, has the executor do the work, and sends the results. It connects
/// outwards only.
/// </summary>
public sealed partial class SiteAgent : IDisposable
{
    private readonly SiteOptions _options;
    private readonly FolderLock _folder;
    private readonly Executor _executor;
    private readonly TimeProvider _time;
    private readonly ServerClient _server;
    private readonly Random _jitter;
    private readonly HeldModel _held;
    private readonly ResidualFolder _residuals;
    private readonly ResultPace _pace;
    private readonly Inbox _inbox;
    private readonly ServerPatience _patience;
    private readonly JobAdmission _admission;

    /// <summary>Makes the agent; it does nothing until it runs, but its folder is its own from now on.</summary>
    /// <exception cref="IOException">The folder is in use by another agent, or cannot be written.</exception>
    /// <exception cref="ArgumentException">There are rules that can be kept only where jobs are signed, and nothing to hold signatures against.</exception>
    public SiteAgent(SiteOptions options, Executor executor, TimeProvider time, Random jitter)
    {
        _options = options;
        _admission = new JobAdmission(options, executor, time);
        _folder = FolderLock.Take(options.Folder, "site's agent");
        _executor = executor;
        _time = time;
        _server = new ServerClient(options);
        _jitter = jitter;
        _patience = new ServerPatience(time, jitter, options.Logger);
        _held = new HeldModel(Path.Combine(options.Folder, "held"));
        _residuals = new ResidualFolder(Path.Combine(options.Folder, "residuals"));
        _pace = new ResultPace(time);
        _inbox = new Inbox(options.Folder);
    }

    /// <summary>
    /// Does tasks until it is cancelled. A task that cannot be done is reported to the server, and the next one awaited. While the
    /// server is away it is asked again.
    /// </summary>
    /// <exception cref="HttpRequestException">The server refuses to speak with this site, as where it has been revoked.</exception>
    /// <exception cref="VersionMismatchException">The server is of another major version.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        bool isConnected = false;
        await using var held = new HeldTasks(_server, _time, StillWaits);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TaskDocument? task = await NextAsync(held, isConnected, cancellationToken);
            if (!isConnected)
            {
                LogConnected(_options.Logger, _options.Name, _options.Server);
                isConnected = true;
            }

            if (task is not null)
            {
                await TakeAsync(task, held, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _server.Dispose();
        _folder.Dispose();
    }

    /// <summary>The next task of a job of which none is held; null where there is none, or where a held one may begin.</summary>
    private async Task<TaskDocument?> NextAsync(HeldTasks held, bool isConnected, CancellationToken cancellationToken)
    {
        (IReadOnlyList<string> jobs, CancellationToken letGo) = held.Now;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, letGo);
        try
        {
            // The first answer, and the first after the server was away, comes at once, so that the log says that it is there.
            return await _patience.TryAsync(
                token => _server.NextTaskAsync(isConnected && !_patience.IsAway ? _options.LongPoll : TimeSpan.Zero, jobs, token), either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // A task that was on its way here meanwhile is handed out again.
            return null;
        }
    }

    /// <summary>Does a task, or holds it until it may begin, or tells why it is not done.</summary>
    private async Task TakeAsync(TaskDocument task, HeldTasks held, CancellationToken cancellationToken)
    {
        Admission admission;
        try
        {
            admission = _admission.Admit(task);
        }
        catch (Exception e)
        {
            LogFailed(_options.Logger, task.Name, task.Round, task.Job.Name, e.Message);
            await ReportFailureAsync(task, e, cancellationToken);
            return;
        }

        if (admission.Wait is not { } wait)
        {
            LogTask(_options.Logger, task.Name, task.Round, task.Job.Name);
            await DoAsync(admission.Task, cancellationToken);
        }
        else if (held.Hold(admission.Task, wait))
        {
            LogHeld(_options.Logger, task.Name, task.Round, task.Job.Name, wait.Note);
        }
        else
        {
            // Only a server hands out such a task that does not know what it is asked for.
            await Task.Delay(HeldTasks.Interval, _time, cancellationToken);
        }
    }

    /// <summary>What a held task waits for still; null where it may begin, or is refused, which is said when it comes again.</summary>
    private TaskProgress? StillWaits(TaskDocument task)
    {
        try
        {
            return _admission.Admit(task).Wait;
        }
        catch (Exception e) when (e is TaskFailedException or IOException)
        {
            return null;
        }
    }

    private async Task DoAsync(TaskDocument task, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginTask(task, _options.Name);
        await using var progress = new ProgressReporter(_server, task, _options.ProgressInterval, _time, cancellationToken);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, progress.StepGone);
        try
        {
            await InTurnAsync(task, progress, either.Token);
            LogSent(_options.Logger, task.Name, task.Round, task.Job.Name);
        }
        catch (Exception) when (progress.StepGone.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // The server no longer wants this result, so whatever came of it is of no interest.
        }
        catch (StepGoneException)
        {
            // The same, said in answer to the result.
        }
        catch (Exception e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            LogFailed(_options.Logger, task.Name, task.Round, task.Job.Name, e.Message);
            span.Fail(e);
            await ReportFailureAsync(task, e, cancellationToken);
        }
    }

    private async Task ReportFailureAsync(TaskDocument task, Exception fault, CancellationToken cancellationToken)
    {
        bool isTransient = fault is TaskFailedException { IsTransient: true };
        try
        {
            await _patience.TryAsync(token => _server.FailAsync(task, fault.Message, isTransient, token), cancellationToken);
        }
        catch (StepGoneException)
        {
            // Another site failed first, or the job was ended.
        }
    }

    private async Task InTurnAsync(TaskDocument task, ProgressReporter progress, CancellationToken cancellationToken)
    {
        await (_options.Turns?.WaitAsync(cancellationToken) ?? Task.CompletedTask);
        try
        {
            await WorkAsync(task, progress, cancellationToken);
        }
        finally
        {
            _executor.EndTask();
            _options.Turns?.Release();
        }
    }

    private async Task WorkAsync(TaskDocument task, ProgressReporter progress, CancellationToken cancellationToken)
    {
        var metrics = new Dictionary<string, double>(StringComparer.Ordinal);
        string inbox = _inbox.Open(task);
        long begun = _time.GetTimestamp();
        long start = Stopwatch.GetTimestamp();
        (Fetched fetched, string modelDigest, string path) = await DownloadAsync(task, inbox, progress, cancellationToken);
        (metrics[MetricNames.BytesDown], metrics[MetricNames.HeaderBytes]) = (fetched.Bytes, fetched.HeaderBytes);
        using var received = MessageFile.Open(path);
        using TensorSource model = Decode(task.Job, received);
        long parameters = JoinedSource.ModelOf(model, Scaffold.ControlPrefix).Manifest.ElementCount;
        if (_options.Rules.RefuseModel(task.Job.Name, parameters) is { } tooLarge)
        {
            throw new TaskFailedException(tooLarge);
        }

        metrics[MetricNames.DownloadSeconds] = Stopwatch.GetElapsedTime(start).TotalSeconds;

        var data = new TaskData(task.Name, task.Job, task.Round, task.Step, model);
        TaskResult result = await ExecuteAsync(task, data, progress, cancellationToken);
        foreach ((string name, double value) in result.Metrics)
        {
            if (!double.IsFinite(value))
            {
                throw new TaskFailedException($"the executor's figure '{name}' is {value}, which is not a finite number");
            }

            metrics[name] = value;
        }

        start = Stopwatch.GetTimestamp();
        (string? digest, MessageMeaning? meaning) = (null, null);
        if (result.Model is not null)
        {
            meaning = task.Job.Exchange == Exchange.Delta
                ? new MessageMeaning(MessageKind.Delta, modelDigest, task.Job.Precision.Result)
                : new MessageMeaning(MessageKind.Weights, null, task.Job.Precision.Result);
            (TransferResult sent, int headerBytes) = await SendAsync(task, begun, result.Model, model, progress, cancellationToken);
            (digest, metrics[MetricNames.BytesUp]) = (sent.Descriptor.Digest, sent.BytesOnWire);
            metrics[MetricNames.HeaderBytes] += headerBytes;
            _pace.Sent(sent.BytesOnWire, Stopwatch.GetElapsedTime(start));
        }

        metrics[MetricNames.UploadSeconds] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var document = new ResultDocument(task.Attempt, result.Samples, metrics, digest, meaning);
        await _patience.TryAsync(token => _server.SendResultAsync(task, document, token), cancellationToken);
    }

    /// <summary>Gives what moved, the digest of the model that the message makes, and where that lies.</summary>
    private async Task<(Fetched Fetched, string ModelDigest, string Path)> DownloadAsync(TaskDocument task, string inbox, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginDownload(task, _options.Name);
        Fetched fetched = await FetchAsync(task, inbox, progress, cancellationToken);
        string modelDigest = task.Message.Meaning.ModelDigest(fetched.Digest);
        return (fetched, modelDigest, Receive(task, modelDigest, inbox, cancellationToken));
    }

    private async Task<TaskResult> ExecuteAsync(TaskDocument task, TaskData data, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginTrain(task, _options.Name);
        TaskResult result = await _executor.ExecuteAsync(data, progress, cancellationToken);
        SiteTelemetry.CountTokens(task, _options.Name, result);
        return result;
    }

    private static TensorSource Decode(Job job, MessageFile message) => FilterPipeline.For(FilterPoint.TaskDataIn, job.Precision).Apply(message);

    /// <summary>Whether the model that a message makes is held already, as after a restart between fetching and answering.</summary>
    private bool Holds(TaskDocument task) =>
        task.Job.Exchange == Exchange.Delta && task.Message.Digest is { } digest && _held.Has(task.Message.Meaning.ModelDigest(digest));

    /// <summary>Fetches the message, and before it the base of a change that is not held here.</summary>
    /// <exception cref="StepGoneException">The server no longer offers them.</exception>
    private async Task<Fetched> FetchAsync(TaskDocument task, string inbox, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        try
        {
            return await FetchOfferedAsync(task, inbox, progress, cancellationToken);
        }
        catch (TransferException e) when (e.ProblemType == ProblemTypes.ObjectNotFound)
        {
            // As after a restart of the server, before it goes on with the job: what it still wants it hands out again.
            throw new StepGoneException();
        }
    }

    private async Task<Fetched> FetchOfferedAsync(TaskDocument task, string inbox, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        if (Holds(task))
        {
            return new Fetched(task.Message.Digest!, 0, 0);
        }

        if (task.Message.Length > _options.MessageBytesMax)
        {
            throw new TaskFailedException($"the message has {task.Message.Length} bytes, and this site takes at most {_options.MessageBytesMax}");
        }

        (long bytes, long headerBytes) = (0, 0);
        if (task.Base is { } wanted && !_held.Has(wanted.Model))
        {
            var whole = new DownloadRequest { LengthMax = _options.MessageBytesMax };
            TransferResult fetched = await ObjectsFor(task).DownloadAsync(Address(wanted.Path), _held.Path(wanted.Model), whole, cancellationToken);
            (bytes, headerBytes) = (fetched.BytesOnWire, HeaderBytes(_held.Path(wanted.Model)));
        }

        var request = new DownloadRequest
        {
            Digest = task.Message.Digest,
            LengthMax = _options.MessageBytesMax,
            UnitEnds = task.Message.UnitEnds,
            Progress = new TransferRelay(progress, TaskPhase.Downloading),
        };
        TransferResult result = await ObjectsFor(task).DownloadAsync(Address(task.Message.Path), inbox, request, cancellationToken);
        return new Fetched(result.Descriptor.Digest, bytes + result.BytesOnWire, headerBytes + HeaderBytes(inbox));
    }

    private static int HeaderBytes(string path)
    {
        using var message = MessageFile.Open(path);
        return message.HeaderBytes;
    }

    /// <summary>Moves a task's objects, over as many connections as both the site and the server have for it.</summary>
    private ObjectClient ObjectsFor(TaskDocument task)
    {
        int connections = Math.Clamp(task.Connections ?? int.MaxValue, 1, _options.Transfers.Connections);
        return new ObjectClient(_server.Http, _options.Transfers with { Connections = connections }, _time, _jitter);
    }

    /// <summary>The address of an object. The site shows its token there, so it has to be the server's.</summary>
    private Uri Address(string path)
    {
        var address = new Uri(_options.Server, path);
        return Uri.Compare(address, _options.Server, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.Ordinal) == 0
            ? address
            : throw new TaskFailedException($"the task's object '{path}' is not at the server; it was not fetched");
    }

    /// <summary>
    /// Where the model that the message makes lies. Where changes are exchanged it is kept as the next one's base: a message of weights as it
    /// came, a changed model as a plain file.
    /// </summary>
    private string Receive(TaskDocument task, string modelDigest, string inbox, CancellationToken cancellationToken)
    {
        if (task.Job.Exchange == Exchange.Weights)
        {
            return inbox;
        }

        if (_held.Has(modelDigest))
        {
            return _held.Path(modelDigest);
        }

        if (task.Message.Meaning.Base is not { } expected)
        {
            _held.Keep(modelDigest, inbox);
            _inbox.Clear();
            return _held.Path(modelDigest);
        }

        task.Message.Meaning.RequireBase(_held.Has(expected) ? expected : null);
        using var message = MessageFile.Open(inbox);
        using var held = MessageFile.Open(_held.Path(expected));
        TensorSource holding = Decode(task.Job, held);
        Manifests.Align(TrainedTensors.Of(holding, task.Job.Train).Manifest, message.Manifest);
        _held.Replace(modelDigest, new AppliedDelta(holding, Decode(task.Job, message), isPartial: task.Job.Train.Freeze is not null), cancellationToken);
        return _held.Path(modelDigest);
    }

    /// <summary>Encodes the result into the spool file while its finished parts are already going out.</summary>
    private async Task<(TransferResult Sent, int HeaderBytes)> SendAsync(
        TaskDocument task, long begun, TensorSource trained, TensorSource received, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginUpload(task, _options.Name);
        RequireSameTensors(received, trained);
        (trained, received) = (TrainedTensors.Of(trained, task.Job.Train), TrainedTensors.Of(received, task.Job.Train));
        CheckExcluded(task, received.Manifest);
        TensorSource update = task.Job.Exchange == Exchange.Delta ? new DeltaSource(trained, received) : trained;
        using TensorSource? residual = task.Job.KeepsResiduals ? _residuals.Open(task.Job.Name, task.Counted) : null;
        update = residual is null ? update : new AppliedDelta(update, residual, isPartial: true);
        JobPrecision precision = _pace.For(task.Job, begun, update.Manifest.ElementCount);
        using TensorSource encoded = FilterPipeline.For(FilterPoint.TaskResultOut, precision, [.. _options.ResultFilters, .. _options.Filters.For(task.Job, received)]).Apply(update);
        SafetensorsWriter message = MessageFile.Plan(encoded);
        IReadOnlyList<long> units = StreamingUnits.Ends(task.Job.Streaming, message);
        using StagedFile spool = StagedFile.Create(Path.Combine(_options.Folder, "result.safetensors"), message.Header.FileLength, units);

        var address = new Uri(_options.Server, Routes.Upload(task.Job.Name, task.Round, task.Step, task.Attempt));
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bool isLossy = task.Job.KeepsResiduals && encoded is QuantizedSource { Manifest.IsDense: false };
        Task encoding = Task.Run(
            () =>
            {
                Encode(message, spool, failed.Token);
                if (isLossy)
                {
                    _residuals.Write(task.Job, (QuantizedSource)encoded, spool.FilePath + StagedFile.PartialSuffix, failed.Token);
                }
            },
            cancellationToken);
        try
        {
            TransferResult sent = await UploadAsync(ObjectsFor(task), address, spool, new TransferRelay(progress, TaskPhase.Uploading), cancellationToken);
            await encoding;
            if (isLossy)
            {
                _residuals.Name(task.Job.Name, sent.Descriptor.Digest);
            }

            return (sent, message.Header.Bytes.Length);
        }
        catch (Exception)
        {
            // The encoder reads the executor's model and writes the spool: it has to have stopped before either goes away. Where it
            // failed itself, its error is the reason.
            await failed.CancelAsync();
            await encoding.WaitAsync(CancellationToken.None).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            if (encoding.Exception?.InnerException is { } reason and not OperationCanceledException)
            {
                throw reason;
            }

            throw;
        }
    }

    private async Task<TransferResult> UploadAsync(ObjectClient objects, Uri address, StagedFile spool, TransferRelay progress, CancellationToken cancellationToken)
    {
        const int BeginningsMax = 5;
        long bytes = 0;
        for (int begun = 1; ; begun++)
        {
            await _patience.TryAsync(token => _server.BeginUploadAsync(address, spool.Length, token), cancellationToken);
            try
            {
                TransferResult sent = await objects.UploadAsync(address, spool, progress, cancellationToken);
                return sent with { BytesOnWire = bytes + sent.BytesOnWire };
            }
            catch (TransferException e) when (e.ProblemType == ProblemTypes.UploadNotFound && begun < BeginningsMax)
            {
                // The server was started again meanwhile: begun once more, the upload goes on with the parts that had arrived.
                bytes += e.Progress.BytesOnWire;
            }
        }
    }

    /// <summary>A pattern that fits no tensor may be misspelt, and then something leaves that was not to.</summary>
    private void CheckExcluded(TaskDocument task, TensorManifest sent)
    {
        IReadOnlyList<string> exclude = _options.Filters.Exclude;
        foreach (string idle in ExcludeFilter.Idle(exclude, sent))
        {
            LogIdle(_options.Logger, idle, task.Job.Name, sent[0].Spec.Name);
        }

        if (exclude.Count > 0 && ExcludeFilter.IsAll(exclude, sent))
        {
            throw new TaskFailedException($"this site excludes every tensor that job '{task.Job.Name}' trains from what it sends, so nothing would be left ('filters.exclude' in site.yaml)");
        }
    }

    private static void RequireSameTensors(TensorSource received, TensorSource trained)
    {
        try
        {
            Manifests.Align(received.Manifest, trained.Manifest);
        }
        catch (TensorFormatException e)
        {
            throw new TaskFailedException($"the executor returned another model than it was given: {e.Message}", e);
        }
    }

    private static void Encode(SafetensorsWriter message, StagedFile spool, CancellationToken cancellationToken)
    {
        try
        {
            message.WriteTo(spool.Write, cancellationToken);
        }
        catch (Exception e)
        {
            spool.Fail(e);
            throw;
        }
    }

    /// <summary>A message that was fetched: its digest, and the bytes that moved for it and its base, and how many of them are headers.</summary>
    private sealed record Fetched(string Digest, long Bytes, long HeaderBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "site {Site} is connected to {Server} and waits for tasks")]
    private static partial void LogConnected(ILogger logger, string site, Uri server);

    [LoggerMessage(Level = LogLevel.Information, Message = "task '{Task}' of round {Round} of job '{Job}' begins")]
    private static partial void LogTask(ILogger logger, string task, int round, string job);

    [LoggerMessage(Level = LogLevel.Information, Message = "task '{Task}' of round {Round} of job '{Job}' does not begin yet: {Reason}")]
    private static partial void LogHeld(ILogger logger, string task, int round, string job, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "filters.exclude: no tensor of job '{Job}' is named '{Pattern}'; its tensors are named such as '{Tensor}'")]
    private static partial void LogIdle(ILogger logger, string pattern, string job, string tensor);

    [LoggerMessage(Level = LogLevel.Information, Message = "task '{Task}' of round {Round} of job '{Job}' is done, and the server has its result")]
    private static partial void LogSent(ILogger logger, string task, int round, string job);

    [LoggerMessage(Level = LogLevel.Error, Message = "task '{Task}' of round {Round} of job '{Job}' failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string task, int round, string job, string reason);

    private sealed class TransferRelay(IProgress<TaskProgress> progress, TaskPhase phase) : IProgress<TransferProgress>
    {
        public void Report(TransferProgress value) => progress.Report(new TaskProgress(phase, value.BytesDone, value.BytesTotal));
    }
}
