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
using Tributary.Site.Privacy;
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
    private static readonly string[] Means = [MetricNames.ReceivedLoss, MetricNames.TrainLoss, MetricNames.LocalLoss, MetricNames.ReceivedPerplexity, MetricNames.LocalPerplexity];

    private readonly SiteOptions _options;
    private readonly FolderLock _folder;
    private readonly Executor _executor;
    private readonly TimeProvider _time;
    private readonly ServerClient _server;
    private readonly HeldModel _held;
    private readonly ResultPace _pace;
    private readonly Inbox _inbox;
    private readonly ServerPatience _patience;
    private readonly JobAdmission _admission;
    private readonly SitePrivacy _privacy;
    private readonly SecureSums? _sums;
    private readonly ResultSender _results;

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
        _patience = new ServerPatience(time, jitter, options.Logger);
        _held = new HeldModel(Path.Combine(options.Folder, "held"));
        _pace = new ResultPace(time);
        _inbox = new Inbox(options.Folder);
        _privacy = new SitePrivacy(Path.Combine(options.Folder, "privacy"), options.Name, options.Rules.Privacy, time);
        _sums = options.Statements is var (sign, verify) ? new SecureSums(Path.Combine(options.Folder, "sums"), options.Name, sign, verify) : null;
        _results = new ResultSender(options, _server, _patience, _pace, _privacy, _sums, time, jitter);
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
        _sums?.Dispose();
        _privacy.Dispose();
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
        // What had arrived of a transfer that stalled is there, and the next attempt goes on from it.
        bool isTransient = fault is TaskFailedException { IsTransient: true } or TransferException { Failure: TransferFailure.Stalled };
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
        if (AggregationTasks.Has(task.Name))
        {
            await AnswerAsync(task, progress, cancellationToken);
            return;
        }

        long begun = _time.GetTimestamp();
        SecureSums.Session? session = task is { Name: TaskNames.Train, Job.SecureAggregation: not null } ? SumsFor(task).Of(task) : null;
        (Dictionary<string, double> metrics, string modelDigest, string path) = session is null
            ? await DownloadAsync(task, progress, cancellationToken)
            : (new Dictionary<string, double>(session.Metrics, StringComparer.Ordinal), session.Model.Digest, string.Empty);
        if (task.Job.FreezesResults && task.Name == TaskNames.Train && _results.Frozen.Find(task, modelDigest, session?.Masks) is { } frozen)
        {
            await SendAgainAsync(task, frozen, progress, cancellationToken);
            return;
        }

        using MessageFile? received = session is null ? MessageFile.Open(path) : null;
        using TensorSource? decoded = received is null ? null : Decode(task.Job, received);
        TensorSource model = decoded ?? session!.Model.Weights;
        long parameters = JoinedSource.ModelOf(model, Scaffold.ControlPrefix).Manifest.ElementCount;
        if (_options.Rules.RefuseModel(task.Job.Name, parameters) is { } tooLarge)
        {
            throw new TaskFailedException(tooLarge);
        }

        // Whatever attempt at a secure sum it is for, a round is trained once: in the same order, and under the same noise to the same result.
        var data = new TaskData(task.Name, task.Job, task.Round, task.Job.SecureAggregation is null ? task.Step : 0, model);
        TaskResult result = Withhold(task, await ExecuteAsync(task, data, progress, cancellationToken));
        foreach ((string name, double value) in result.Metrics)
        {
            if (!double.IsFinite(value))
            {
                throw new TaskFailedException($"the executor's figure '{name}' is {value}, which is not a finite number");
            }

            metrics[name] = value;
        }

        // Under masks the number of records goes into the sum, and nobody is told it apart.
        long told = task.Job.HidesSamples ? 1 : task.Job.CountsSamples ? Math.Min(result.Samples, task.Job.Aggregation.SamplesMax) : result.Samples;
        long start = Stopwatch.GetTimestamp();
        (string? digest, MessageMeaning? meaning) = (null, null);
        if (result.Model is not null)
        {
            meaning = task.Job.Exchange == Exchange.Delta
                ? new MessageMeaning(MessageKind.Delta, modelDigest, task.Job.Precision.Result)
                : new MessageMeaning(MessageKind.Weights, null, task.Job.Precision.Result);
            var said = new FrozenResult(task.StatementDigest(), task.Round, modelDigest, session?.Masks, meaning, told, metrics, 0);
            (TransferResult sent, int headerBytes) = await _results.SendAsync(task, begun, result, model, said, progress, cancellationToken);
            (digest, metrics[MetricNames.BytesUp]) = (sent.Descriptor.Digest, sent.BytesOnWire);
            metrics[MetricNames.HeaderBytes] += headerBytes;
            _pace.Sent(sent.BytesOnWire, Stopwatch.GetElapsedTime(start));
        }

        metrics[MetricNames.UploadSeconds] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await SendResultAsync(task, new ResultDocument(task.Attempt, told, metrics, digest, meaning), cancellationToken);
    }

    private Task SendResultAsync(TaskDocument task, ResultDocument document, CancellationToken cancellationToken) =>
        _patience.TryAsync(token => _server.SendResultAsync(task, document, token), cancellationToken);

    /// <summary>Sends what was made before, byte for byte: whatever became of it then.</summary>
    private async Task SendAgainAsync(TaskDocument task, FrozenResult frozen, ProgressReporter progress, CancellationToken cancellationToken)
    {
        TransferResult sent = await _results.SendFrozenAsync(task, progress, cancellationToken);
        var metrics = new Dictionary<string, double>(frozen.Metrics, StringComparer.Ordinal) { [MetricNames.BytesUp] = sent.BytesOnWire };
        metrics[MetricNames.HeaderBytes] = metrics.GetValueOrDefault(MetricNames.HeaderBytes) + frozen.HeaderBytes;
        await SendResultAsync(task, new ResultDocument(task.Attempt, frozen.Samples, metrics, sent.Descriptor.Digest, frozen.Meaning), cancellationToken);
    }

    /// <summary>A stage of secure aggregation: a short answer, and before the first one the round's model.</summary>
    private async Task AnswerAsync(TaskDocument task, ProgressReporter progress, CancellationToken cancellationToken)
    {
        SecureSums sums = SumsFor(task);
        string answer;
        if (task.Name == AggregationTasks.Keys)
        {
            (Dictionary<string, double> metrics, string modelDigest, string path) = await DownloadAsync(task, progress, cancellationToken);
            var received = MessageFile.Open(path);
            var model = new HeldWeights(modelDigest, received, Decode(task.Job, received), cancellationToken);
            answer = sums.Keys(task, model, TrainedTensors.Of(model.Weights, task.Job.Train).Manifest.ElementCount, metrics);
        }
        else
        {
            answer = sums.Answer(task);
        }

        var moved = new Dictionary<string, double>(StringComparer.Ordinal) { [MetricNames.BytesDown] = task.Note?.Length ?? 0, [MetricNames.BytesUp] = answer.Length };
        await SendResultAsync(task, new ResultDocument(task.Attempt, 0, moved, null, null, answer), cancellationToken);
    }

    private SecureSums SumsFor(TaskDocument task) => _sums
        ?? throw new TaskFailedException($"job '{task.Job.Name}' wants secure aggregation, for which sites sign with their kits, and this site has none");

    /// <summary>What of a result may be told. How many records a site has, how long it worked on them and what it measured tells of them.</summary>
    private TaskResult Withhold(TaskDocument task, TaskResult result)
    {
        if (task.Job.HidesSamples)
        {
            // Of a site's records a loss is a mean, and tells no number of them.
            IEnumerable<KeyValuePair<string, double>> losses = result.Metrics.Where(metric => Means.Contains(metric.Key));
            return result with { Metrics = new Dictionary<string, double>(losses, StringComparer.Ordinal) { [MetricNames.HeldOutTokens] = 1 } };
        }

        if (!task.Job.WithholdsFigures)
        {
            return result;
        }

        LogWithheld(_options.Logger, task.Round, task.Job.Name, string.Join(", ", result.Metrics.Select(metric => FormattableString.Invariant($"{metric.Key} {metric.Value:0.####}"))));
        return result with { Samples = 1, Metrics = new Dictionary<string, double>(StringComparer.Ordinal) };
    }

    /// <summary>Gives what moved, the digest of the model that the message makes, and where that lies.</summary>
    private async Task<(Dictionary<string, double> Metrics, string ModelDigest, string Path)> DownloadAsync(TaskDocument task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginDownload(task, _options.Name);
        long start = Stopwatch.GetTimestamp();
        string inbox = _inbox.Open(task);
        Fetched fetched = await FetchAsync(task, inbox, progress, cancellationToken);
        string modelDigest = task.Message.Meaning.ModelDigest(fetched.Digest);
        string path = Receive(task, modelDigest, inbox, cancellationToken);
        var metrics = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [MetricNames.BytesDown] = fetched.Bytes,
            [MetricNames.HeaderBytes] = fetched.HeaderBytes,
            [MetricNames.DownloadSeconds] = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
        return (metrics, modelDigest, path);
    }

    private async Task<TaskResult> ExecuteAsync(TaskDocument task, TaskData data, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginTrain(task, _options.Name);
        try
        {
            TaskResult result = await _executor.ExecuteAsync(data, progress, cancellationToken);
            SiteTelemetry.CountTokens(task, _options.Name, result);
            return result;
        }
        catch (Exception e) when (e is not OperationCanceledException && task.Job.WithholdsFigures)
        {
            // Why training failed may tell of the records, such as the loss that was too large.
            LogFailed(_options.Logger, task.Name, task.Round, task.Job.Name, e.Message);
            throw new TaskFailedException("the trainer failed; why is in this site's log, since the job withholds what sites measure", e) { IsTransient = e is TaskFailedException { IsTransient: true } };
        }
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
            TransferResult fetched = await _results.ObjectsFor(task).DownloadAsync(Address(wanted.Path), _held.Path(wanted.Model), whole, cancellationToken);
            (bytes, headerBytes) = (fetched.BytesOnWire, HeaderBytes(_held.Path(wanted.Model)));
        }

        var request = new DownloadRequest
        {
            Digest = task.Message.Digest,
            LengthMax = _options.MessageBytesMax,

            // The job is signed, and the message is not: with file streaming nothing is held in memory, whatever the server says.
            UnitEnds = task.Job.Streaming == Streaming.File ? null : task.Message.UnitEnds,
            Progress = new TransferRelay(progress, TaskPhase.Downloading),
        };
        TransferResult result = await _results.ObjectsFor(task).DownloadAsync(Address(task.Message.Path), inbox, request, cancellationToken);
        return new Fetched(result.Descriptor.Digest, bytes + result.BytesOnWire, headerBytes + HeaderBytes(inbox));
    }

    private static int HeaderBytes(string path)
    {
        using var message = MessageFile.Open(path);
        return message.HeaderBytes;
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

    /// <summary>A message that was fetched: its digest, and the bytes that moved for it and its base, and how many of them are headers.</summary>
    private sealed record Fetched(string Digest, long Bytes, long HeaderBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "site {Site} is connected to {Server} and waits for tasks")]
    private static partial void LogConnected(ILogger logger, string site, Uri server);

    [LoggerMessage(Level = LogLevel.Information, Message = "task '{Task}' of round {Round} of job '{Job}' begins")]
    private static partial void LogTask(ILogger logger, string task, int round, string job);

    [LoggerMessage(Level = LogLevel.Information, Message = "task '{Task}' of round {Round} of job '{Job}' does not begin yet: {Reason}")]
    private static partial void LogHeld(ILogger logger, string task, int round, string job, string? reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "task '{Task}' of round {Round} of job '{Job}' is done, and the server has its result")]
    private static partial void LogSent(ILogger logger, string task, int round, string job);

    [LoggerMessage(Level = LogLevel.Information, Message = "round {Round} of job '{Job}': what this site measured stays here: {Figures}")]
    private static partial void LogWithheld(ILogger logger, int round, string job, string figures);

    [LoggerMessage(Level = LogLevel.Error, Message = "task '{Task}' of round {Round} of job '{Job}' failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string task, int round, string job, string reason);
}
