using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Tributary.Federation.Jobs;
using Tributary.Federation.Planning;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Audit;
using Tributary.Server.Storage;
using Tributary.Server.TensorBoard;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Server.Queue;

/// <summary>
/// Runs submitted jobs in the order in which they came, so many at once. A job begins when its model and enough of its sites are there; one that
/// ran when the server ended goes on by itself.
/// </summary>
internal sealed partial class JobQueue : IAsyncDisposable
{
    // So that sites that have gone away are noticed.
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(5);

    private readonly TributaryServer _server;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, ActiveJob> _active = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, JobPlan> _plans = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _waiting = new(StringComparer.Ordinal);
    private readonly Lock _moves = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Signal _changed = new();
    private Task _loop = Task.CompletedTask;

    public JobQueue(
        TributaryServer server, Submissions submissions, EventLog events, AuditLog audit, InitialModels models, SitePresence sites, TimeProvider time, ILogger logger)
    {
        Audit = audit;
        _server = server;
        Submissions = submissions;
        Events = events;
        Models = models;
        Sites = sites;
        _time = time;
        _logger = logger;
    }

    public Submissions Submissions { get; }

    public EventLog Events { get; }

    public AuditLog Audit { get; }

    public InitialModels Models { get; }

    public SitePresence Sites { get; }

    public OfferedModels Offered { get; } = new();

    public void Start() => _loop = Task.Run(LoopAsync);

    /// <summary>How far a job has come; null where it does not run.</summary>
    public JobProgress? ProgressOf(string job) => _active.GetValueOrDefault(job)?.Progress;

    /// <summary>Why a queued job has not begun; null where nobody has looked yet.</summary>
    public string? WaitingFor(string job) => _waiting.GetValueOrDefault(job);

    /// <summary>Takes a job whose statement and signature have been checked. The same one again is the one that is there.</summary>
    public Submission Add(JobStatement statement, SignedJobDocument signed, string submitter)
    {
        Submission added = Submissions.Add(statement.Job.Name, signed, submitter, JobState.AwaitingModel);
        if (added.Signed.Statement == signed.Statement)
        {
            if (Events.After(added.Name, 0).Count == 0)
            {
                Audit.Add(submitter, "job-submitted", added.Name, added.Digest);
                Events.Add(added.Name, "submitted", $"submitted by {submitter}, {added.Digest}");
            }

            ModelArrived(statement.Model.Digest);
        }

        return Submissions.Find(added.Name)!;
    }

    /// <summary>Lets jobs go on that waited for a model, if it is there.</summary>
    public void ModelArrived(string digest)
    {
        if (!Models.Has(digest))
        {
            return;
        }

        foreach (Submission waiting in Submissions.All().Where(job => job.State == JobState.AwaitingModel && job.Statement.Model.Digest == digest))
        {
            Submissions.Advance(waiting.Name, waiting.Run, JobState.Queued, null);
        }

        _changed.Set();
    }

    /// <summary>Ends a job for good, or until it is resumed.</summary>
    /// <returns>False where it has ended already.</returns>
    public async Task<bool> AbortAsync(string job, string by)
    {
        ActiveJob? active;
        string reason = $"ended by {by}";
        lock (_moves)
        {
            if (Submissions.Find(job) is not { } row || !Submissions.Advance(job, row.Run, JobState.Aborted, reason))
            {
                return false;
            }

            Audit.Add(by, "job-aborted", job);
            Events.Add(job, "aborted", reason);
            active = _active.GetValueOrDefault(job);
            if (active is null)
            {
                _server.Journal.EndJob(job, reason);
            }
        }

        if (active is not null)
        {
            await active.Stop.CancelAsync();
            await active.Ended;
        }

        return true;
    }

    /// <summary>Goes on with a job that failed or was ended, from the last thing that is durable.</summary>
    /// <returns>False where it did neither.</returns>
    public bool Resume(string job, string by)
    {
        if (!Submissions.Resume(job))
        {
            return false;
        }

        Audit.Add(by, "job-resumed", job);
        Events.Add(job, "resumed", $"resumed by {by}");
        _changed.Set();
        return true;
    }

    /// <summary>Removes a job that has ended, with its models and all that is recorded of it.</summary>
    /// <returns>False where it has not ended.</returns>
    public async Task<bool> DeleteAsync(string job, string by)
    {
        // What has ended is said a moment before the last of it is put away.
        if (Submissions.Find(job) is { HasEnded: true } && _active.GetValueOrDefault(job) is { } active)
        {
            await active.Ended;
        }

        lock (_moves)
        {
            if (_active.ContainsKey(job) || Submissions.Find(job) is not { HasEnded: true })
            {
                return false;
            }

            Audit.Add(by, "job-deleted", job);

            // The rows last: a deletion that was cut short can be asked for again.
            JobFolder folder = _server.FolderOf(job);
            Offered.Withdraw(path => path.StartsWith(folder.Root, StringComparison.Ordinal));
            folder.Delete();
            Submissions.Delete(job);
            Models.Keep(Submissions.All().Select(left => left.Statement.Model.Digest).ToHashSet(StringComparer.Ordinal));
            return true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync();
        await _loop;
        await Task.WhenAll(_active.Values.Select(active => active.Ended));
        Offered.Dispose();
        Models.Dispose();
        Audit.Dispose();
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            // Taken before looking, so that a change meanwhile is not missed.
            Task changed = _changed.Next;
            Task came = Sites.Came;
            try
            {
                lock (_moves)
                {
                    Look();
                }
            }
            catch (Exception e) when (e is Microsoft.Data.Sqlite.SqliteException or IOException)
            {
                LogStuck(_logger, e.Message);
            }

            await Task.WhenAny(changed, came, Task.Delay(Tick, _time, _stop.Token));
        }
    }

    private void Look()
    {
        foreach (Submission job in Submissions.All().Where(job => job.State is JobState.Queued or JobState.Running).OrderByDescending(job => job.State))
        {
            if (_active.ContainsKey(job.Name))
            {
                continue;
            }

            string? reason;
            try
            {
                reason = WaitsFor(job);
            }
            catch (Exception e) when (e is TensorFormatException or JobFailedException)
            {
                // What was signed and uploaded is no model: no waiting mends that.
                End(job, JobState.Failed, $"the model that it starts from: {e.Message}");
                continue;
            }

            if (reason is not null)
            {
                _waiting[job.Name] = reason;
                continue;
            }

            _waiting.TryRemove(job.Name, out _);
            _plans.TryRemove(job.Name, out _);
            Begin(job);
        }
    }

    /// <summary>What a job waits for before it begins. One that had begun goes on at once: its rounds wait for sites themselves.</summary>
    private string? WaitsFor(Submission job)
    {
        if (_active.Count >= _server.Options.JobsMax)
        {
            return $"{_active.Count} jobs run, as many as this server runs at once";
        }

        if (job.State == JobState.Running)
        {
            return null;
        }

        if (Needs(job) is { } lack)
        {
            return lack;
        }

        string[] gone = [.. job.Job.Sites.Where(site => !Sites.IsThere(site))];
        int needed = job.Job.MinSites ?? job.Job.Sites.Count;
        return job.Job.Sites.Count - gone.Length >= needed ? null : $"not connected: {string.Join(", ", gone)}";
    }

    /// <summary>What of the machine a job would need and there is not.</summary>
    private string? Needs(Submission job)
    {
        JobPlan plan = _plans.GetOrAdd(job.Name, _ =>
        {
            using SafetensorsFile model = SafetensorsFile.Open(Models.FileOf(job.Statement.Model.Digest));
            return JobPlan.Of(job.Job, model.Manifest);
        });
        if (FullDisk.FreeAt(Path.Combine(_server.Options.Folder, "any")) is { } free && free < plan.ServerDisk)
        {
            return $"the server's disk has {free} bytes free, and the job needs about {plan.ServerDisk}";
        }

        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return memory < plan.StreamedUnit
            ? $"the server has {memory} bytes of memory, and the job's {job.Job.Streaming.ToString().ToLowerInvariant()} streaming holds {plan.StreamedUnit} at once; with file streaming it holds next to nothing"
            : null;
    }

    private void Begin(Submission job)
    {
        string how = job.State == JobState.Running ? "gone on with after the server was started again" : job.Run == 1 ? "begun" : $"begun, run {job.Run}";
        Submissions.Advance(job.Name, job.Run, JobState.Running, null);
        Audit.Add(_server.Name, "job-started", job.Name, job.Digest);
        Events.Add(job.Name, "started", how);
        LogBegun(_logger, job.Name, job.Submitter);
        var progress = new JobProgress(_time);

        // Not disposed of: whoever ends the job may hold it a little longer than it runs.
        var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var noted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _active[job.Name] = new ActiveJob(progress, stop, RunAsync(job, progress, noted.Task, stop.Token));
        noted.SetResult();
    }

    private async Task RunAsync(Submission job, JobProgress progress, Task noted, CancellationToken stop)
    {
        await noted;
        try
        {
            using var curves = new TensorBoardLog(_server.FolderOf(job.Name).TensorBoard, _time);
            using SafetensorsFile initial = SafetensorsFile.Open(Models.FileOf(job.Statement.Model.Digest));
            JobRecord record = await _server.RunJobAsync(job.Job, job.Signed, Controllers.Create(job.Job.Workflow), initial, happened => Report(curves, happened), stop);
            End(job, JobState.Finished, record.EndedEarly);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // With the server it ends for now, and goes on after the next start. Otherwise somebody has ended it, and has noted that.
            if (!_stop.IsCancellationRequested)
            {
                _server.Journal.EndJob(job.Name, "ended");
            }
        }
        catch (JobFailedException e)
        {
            End(job, JobState.Failed, e.Message);
        }
        catch (Exception e)
        {
            LogUnexpected(_logger, job.Name, e);
            End(job, JobState.Failed, e.Message);
        }
        finally
        {
            _active.TryRemove(job.Name, out _);
            _changed.Set();
        }

        void Report(TensorBoardLog curves, JobEvent happened)
        {
            if (happened is ResultCounted result)
            {
                Audit.Add($"site/{result.Site}", "result-sent", job.Name, $"round {result.Round}");
            }

            string? before = happened is SiteProgressed site ? progress.Of(site.Site).Progress.Note : null;
            progress.Observe(happened);
            JobEventText.Note(Events, job.Name, happened, before);
            Draw(curves, job.Name, happened);
        }
    }

    /// <summary>Curves are not worth a job: where they cannot be written it goes on without.</summary>
    private void Draw(TensorBoardLog curves, string job, JobEvent happened)
    {
        try
        {
            curves.Write(happened);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogCurves(_logger, job, e.Message);
        }
    }

    private void End(Submission job, JobState state, string? reason)
    {
        try
        {
            if (Submissions.Advance(job.Name, job.Run, state, reason))
            {
                Audit.Add(_server.Name, state == JobState.Finished ? "job-finished" : "job-failed", job.Name, reason);
                Events.Add(job.Name, state == JobState.Finished ? "finished" : "failed", reason ?? "finished");
            }
        }
        catch (Exception e) when (e is Microsoft.Data.Sqlite.SqliteException or IOException)
        {
            // With a full disk nothing can be noted; the job is gone on with when the server is started again.
            LogStuck(_logger, e.Message);
        }

        LogEnded(_logger, job.Name, state, reason ?? "all rounds are done");
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "job {Job} of {Submitter} begins")]
    private static partial void LogBegun(ILogger logger, string job, string submitter);

    [LoggerMessage(Level = LogLevel.Information, Message = "job {Job} has {State}: {Reason}")]
    private static partial void LogEnded(ILogger logger, string job, JobState state, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "job {Job} ended with an error that was not expected")]
    private static partial void LogUnexpected(ILogger logger, string job, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the curves of job {Job} cannot be written: {Reason}")]
    private static partial void LogCurves(ILogger logger, string job, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "jobs cannot be recorded: {Reason}")]
    private static partial void LogStuck(ILogger logger, string reason);

    private sealed record ActiveJob(JobProgress Progress, CancellationTokenSource Stop, Task Ended);
}
