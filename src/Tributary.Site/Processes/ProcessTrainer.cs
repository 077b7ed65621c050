using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Site.Processes;

/// <summary>
/// A trainer in a process of its own, such as a PyTorch script: models go back and forth as safetensors files, all else as lines of JSON
/// (docs/TRAINERS.md). Whatever the process does, a task ends with a result or with a reason, and a process that did wrong is killed and
/// another one started for the next task.
/// </summary>
public sealed class ProcessTrainer : Executor
{
    private const int Protocol = 1;
    private const string ModelName = "model.safetensors";

    private readonly TrainerOffer _offer;
    private readonly TrainerPlace _place;
    private readonly TimeProvider _time;
    private TrainerProcess? _process;
    private ReturnedModel? _returned;
    private string? _baseDigest;
    private long _tasks;

    /// <summary>Makes the trainer; its process is started when there is a task.</summary>
    /// <param name="offer">The program, and what a job may set.</param>
    /// <param name="place">What the site gives it.</param>
    /// <param name="time">Measures silence and training.</param>
    public ProcessTrainer(TrainerOffer offer, TrainerPlace place, TimeProvider time)
    {
        _offer = offer;
        _place = place;
        _time = time;
    }

    /// <summary>The id of its process; null while there is none.</summary>
    public int? ProcessId => _process?.Id;

    /// <inheritdoc/>
    public override async Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        string? refusal = task.Job.Train.Trainer == _offer.Name
            ? TrainerOffer.Refuse(task.Job.Train, [_offer])
            : $"the job asks for the trainer '{task.Job.Train.Trainer}', but this site was started with '{_offer.Name}'";
        if (refusal is not null)
        {
            throw new TaskFailedException(refusal);
        }

        if (task.Job.Train.Lora is { Base: not null } lora)
        {
            AdapterBase.Require(lora, _place.Checkpoint, _baseDigest ??= DigestOfBase(cancellationToken));
        }

        ForgetLastTask();
        try
        {
            return await DoAsync(++_tasks, task, progress, cancellationToken);
        }
        catch (TrainerFaultException e)
        {
            // What it wrote on stderr before it did wrong on stdout may not have been read yet; once it is killed, all of it has.
            TrainerProcess? process = _process;
            await (e.ProcessIsWell ? Task.CompletedTask : KillAsync());
            string last = process?.LastErrors ?? string.Empty;
            throw new TaskFailedException(Explain(e.Message, last), e) { IsTransient = !e.ProcessIsWell };
        }
        catch (OperationCanceledException)
        {
            await AbortAsync(_tasks);
            throw;
        }
        finally
        {
            if (_offer.Lifetime == TrainerLifetime.Task && _process is { } living)
            {
                _process = null;
                await living.EndAsync();
            }
        }
    }

    private string DigestOfBase(CancellationToken cancellationToken)
    {
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(_place.Checkpoint);
            return CheckpointDigest.Of(checkpoint, cancellationToken);
        }
        catch (Exception e) when (e is IOException or TensorFormatException)
        {
            throw new TaskFailedException($"the base of the job's adapters cannot be read from {_place.Checkpoint}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // On a thread of the pool, so that nothing here can wait for a thread that waits for this.
        TrainerProcess? process = _process;
        _process = null;
        if (process is not null)
        {
            Task.Run(process.EndAsync).GetAwaiter().GetResult();
        }

        ForgetLastTask();
        base.Dispose(disposing);
    }

    private async Task<TaskResult> DoAsync(long id, TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        TaskPhase phase = task.Name == TaskNames.Evaluate ? TaskPhase.Evaluating : TaskPhase.Training;
        progress.Report(new TaskProgress(phase));
        TrainerProcess process = await StartedAsync(cancellationToken);

        Directory.CreateDirectory(_place.TaskFolder);
        string? lies = DenseModelFile.Find(task.Model);
        string written = Path.Combine(Path.GetFullPath(_place.TaskFolder), ModelName);
        if (lies is null)
        {
            await Task.Run(() => DenseModelFile.Write(task.Model, written, cancellationToken), cancellationToken);
        }

        long start = _time.GetTimestamp();
        await process.SendAsync(Describe(id, task, lies is null ? written : Path.GetFullPath(lies)), cancellationToken);
        var tally = new ProgressTally(phase, progress);
        TrainerResult result = await ResultAsync(process, id, tally, cancellationToken);
        double seconds = _time.GetElapsedTime(start).TotalSeconds;
        Check(task.Name, result);
        if (result.Model is not null)
        {
            string path = Path.GetFullPath(Path.Combine(_place.TaskFolder, result.Model));
            _returned = await Task.Run(() => ReturnedModel.Open(path, task.Model, result.Delta, cancellationToken), cancellationToken);
        }

        return new TaskResult(_returned, result.Samples, tally.Complete(result.Metrics, seconds));
    }

    /// <summary>The process, which is started where there is none that lives.</summary>
    private async Task<TrainerProcess> StartedAsync(CancellationToken cancellationToken)
    {
        if (_process is { HasExited: true })
        {
            // Nothing is lost: what it returned before lay in a file. What it wrote is in the log.
            await KillAsync();
            ErrorLines.Note(_place.LogPath, $"[site {_place.Site}] the trainer '{_offer.Name}' ended between two tasks; it is started again");
        }

        if (_process is not null)
        {
            return _process;
        }

        _process = TrainerProcess.Start(_offer, _place, _time);
        TrainerMessage first = await _process.ReceiveAsync(cancellationToken);
        return first switch
        {
            TrainerReady { Protocol: Protocol } => _process,
            TrainerReady ready => throw new TrainerFaultException($"speaks version {ready.Protocol} of the protocol, but this site version {Protocol}; use the tributary.py of this version"),
            _ => throw new TrainerFaultException("said something else than 'ready' first"),
        };
    }

    private static async Task<TrainerResult> ResultAsync(TrainerProcess process, long id, ProgressTally tally, CancellationToken cancellationToken)
    {
        while (true)
        {
            switch (await process.ReceiveAsync(cancellationToken))
            {
                case TrainerProgress said when said.Task == id:
                    tally.Add(said);
                    break;
                case TrainerResult result when result.Task == id:
                    return result;
                case TrainerError error when error.Task == id:
                    throw new TrainerFaultException($"reports: {error.Message}") { ProcessIsWell = true };
                case TrainerProgress { Task: var late } when late < id:
                    // Of a task that was given up.
                    break;
                case var other:
                    throw new TrainerFaultException($"said something that is not about task {id}: {other}");
            }
        }
    }

    /// <summary>Refuses a result whose parts do not fit together.</summary>
    private void Check(string name, TrainerResult result)
    {
        foreach ((string metric, double value) in result.Metrics)
        {
            if (!double.IsFinite(value))
            {
                throw new TrainerFaultException($"returned {value} as the figure '{metric}'; its training has diverged. Lower the learning rate");
            }
        }

        if (name == TaskNames.Train && (result.Model is null || result.Samples < 1))
        {
            throw new TrainerFaultException(result.Model is null
                ? "returned no model from the task 'train'; send the trained tensors"
                : $"says that it trained on {result.Samples} samples, which are the weight of its update; it should be at least 1");
        }

        string folder = Path.GetFullPath(_place.TaskFolder) + Path.DirectorySeparatorChar;
        if (result.Model is not null && !Path.GetFullPath(Path.Combine(folder, result.Model)).StartsWith(folder, StringComparison.Ordinal))
        {
            throw new TrainerFaultException($"returned the file {result.Model}, which does not lie in the task's folder {folder}");
        }
    }

    private SiteTask Describe(long id, TaskData task, string model)
    {
        JobTraining train = task.Job.Train;
        return new SiteTask
        {
            Task = id,
            Name = task.Name,
            Job = task.Job.Name,
            Site = _place.Site,
            Round = task.Round,
            Step = task.Step,
            Model = model,
            Folder = Path.GetFullPath(_place.TaskFolder),
            Checkpoint = Path.GetFullPath(_place.Checkpoint),
            Data = Path.GetFullPath(_place.Data),
            Records = _place.RecordsMax,
            HeldOut = task.Job.HeldOut,
            HeldOutData = _place.HeldOutPath is { } heldOut ? Path.GetFullPath(heldOut) : null,
            Seed = task.Job.Seed,
            Rounds = task.Job.Rounds,
            Train = SiteTraining.Of(train),
            Options = train.Options,
        };
    }

    /// <summary>Asks the process to give a task up, and kills it where it does not. Where the task was cancelled before it knew of it, too.</summary>
    private async Task AbortAsync(long id)
    {
        if (_process is null)
        {
            return;
        }

        using var grace = new CancellationTokenSource(TrainerProcess.Grace, _time);
        try
        {
            await _process.SendAsync(new SiteAbort(id), grace.Token);
            TrainerMessage said;
            do
            {
                said = await _process.ReceiveAsync(grace.Token);
            }
            while (said is TrainerReady or TrainerProgress);
        }
        catch (Exception e) when (e is TrainerFaultException or OperationCanceledException)
        {
            await KillAsync();
        }
    }

    private async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            await process.DisposeAsync();
        }
    }

    private void ForgetLastTask()
    {
        _returned?.Dispose();
        _returned = null;
        if (Directory.Exists(_place.TaskFolder))
        {
            Directory.Delete(_place.TaskFolder, recursive: true);
        }
    }

    private string Explain(string fault, string last) => last.Length == 0
        ? $"the trainer '{_offer.Name}' {fault}; it wrote nothing on stderr"
        : $"the trainer '{_offer.Name}' {fault}; the last that it wrote on stderr:\n{last}";
}
