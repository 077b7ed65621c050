using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Filters;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Site.Privacy;
using Tributary.Site.Telemetry;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Site;

/// <summary>
/// What leaves a site: a trained model's change through the site's filters and the job's, encoded into a file and sent in parts. As a rule parts go out while later ones are being encoded; a message that holds
/// noise or masks is whole on the disk before.
/// </summary>
internal sealed partial class ResultSender(SiteOptions options, ServerClient server, ServerPatience patience, ResultPace pace, SitePrivacy privacy, SecureSums? sums, TimeProvider time, Random jitter)
{
    private readonly ResidualFolder _residuals = new(Path.Combine(options.Folder, "residuals"));

    /// <summary>The results that were made with noise or masks.</summary>
    public FrozenResults Frozen { get; } = new(Path.Combine(options.Folder, "frozen"));

    /// <summary>Encodes the result into the spool file while its finished parts are already going out.</summary>
    /// <param name="task">The task.</param>
    /// <param name="begun">When it was begun, by the clock.</param>
    /// <param name="result">The executor's result; it has a model.</param>
    /// <param name="received">The model as it was received.</param>
    /// <param name="said">What is said with the message, if it has to be frozen.</param>
    /// <param name="progress">Told how far it has come.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TaskFailedException">The result cannot leave the site: it is another model's, a budget does not allow it, or nothing of it would be left.</exception>
    public async Task<(TransferResult Sent, int HeaderBytes)> SendAsync(
        TaskDocument task, long begun, TaskResult result, TensorSource received, FrozenResult said, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using TracedOperation span = SiteTelemetry.BeginUpload(task, options.Name);
        RequireSameTensors(received, result.Model!);
        (TensorSource trained, received) = (TrainedTensors.Of(result.Model!, task.Job.Train), TrainedTensors.Of(received, task.Job.Train));
        CheckExcluded(task, received.Manifest);
        TensorSource update = task.Job.Exchange == Exchange.Delta ? new DeltaSource(trained, received) : trained;
        using TensorSource? residual = task.Job.KeepsResiduals ? _residuals.Open(task.Job.Name, task.Counted) : null;
        update = residual is null ? update : new AppliedDelta(update, residual, isPartial: true);
        using TensorSource encoded = PipelineOf(task, begun, update.Manifest.ElementCount, received, result.Samples).Apply(update);
        SafetensorsWriter message = MessageFile.Plan(encoded);
        if (task.Job.FreezesResults)
        {
            said = said with { HeaderBytes = message.Header.Bytes.Length };
            WriteFrozen(task, message, cancellationToken);
            if (task.Job.KeepsResiduals && encoded is QuantizedSource { Manifest.IsDense: false } lossy)
            {
                _residuals.Write(task.Job, lossy, Frozen.PathOf(task), cancellationToken);
            }

            Frozen.Keep(task, said);
            return (await SendFrozenAsync(task, progress, cancellationToken), said.HeaderBytes);
        }

        return (await SendSpooledAsync(task, encoded, message, progress, cancellationToken), message.Header.Bytes.Length);
    }

    /// <summary>Noise outlives the process, in the ledger. Masks do not, and where the power fails the message under them is of no use: the disk need not have it.</summary>
    private void WriteFrozen(TaskDocument task, SafetensorsWriter message, CancellationToken cancellationToken)
    {
        string path = Frozen.Message(task);
        if (task.Job.Privacy is not null)
        {
            message.WriteFile(path, cancellationToken);
            return;
        }

        try
        {
            using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0, PreallocationSize = message.Header.FileLength });
            message.WriteTo(file.Write, cancellationToken);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Sends a message that was frozen, again or for the first time.</summary>
    public async Task<TransferResult> SendFrozenAsync(TaskDocument task, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        using ByteSource frozen = ByteSource.FromFile(Frozen.PathOf(task));
        TransferResult sent = await UploadAsync(task, frozen, progress, cancellationToken);
        if (task.Job.KeepsResiduals)
        {
            _residuals.Name(task.Job.Name, sent.Descriptor.Digest);
        }

        return sent;
    }

    /// <summary>Moves a task's objects, over as many connections as both the site and the server have for it.</summary>
    public ObjectClient ObjectsFor(TaskDocument task)
    {
        int connections = Math.Clamp(task.Connections ?? int.MaxValue, 1, options.Transfers.Connections);
        return new ObjectClient(server.Http, options.Transfers with { Connections = connections }, time, jitter);
    }

    private async Task<TransferResult> SendSpooledAsync(
        TaskDocument task, TensorSource encoded, SafetensorsWriter message, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<long> units = StreamingUnits.Ends(task.Job.Streaming, message);
        using StagedFile spool = StagedFile.Create(Path.Combine(options.Folder, "result.safetensors"), message.Header.FileLength, units);
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
            TransferResult sent = await UploadAsync(task, spool, progress, cancellationToken);
            await encoding;
            if (isLossy)
            {
                _residuals.Name(task.Job.Name, sent.Descriptor.Digest);
            }

            return sent;
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

    /// <summary>The site's own filters first, then what the job's privacy asks for, then its precision: integers of a ring, maybe masked, or a codec's bytes.</summary>
    private FilterPipeline PipelineOf(TaskDocument task, long begun, long dimension, TensorSource received, long samples)
    {
        Job job = task.Job;
        List<Filter> filters = [.. options.ResultFilters, .. options.Filters.For(job, received)];
        NoiseKey? key = null;
        if (job.AddsNoiseAtSites)
        {
            filters.Add(new ClipNormFilter(job.Privacy!.Clip, received: null));
            key = privacy.Spend(job, task.Round, dimension);
        }

        if (job.Precision.Ring is { } ring)
        {
            SecureSums.Session? session = job.SecureAggregation is null ? null : SumsFor(task).Receive(task);
            DiscreteGaussian? noise = key is null ? null : DiscreteGaussian.AtLeast(RingNoise.Of(job, dimension).Mechanism.Deviation);
            RingGrid grid = session?.Grid ?? SecureSums.GridOf(job, task.Note, dimension);
            filters.Add(new RingFilter(grid, key ?? RoundingKey(task), noise, job.CountsSamples ? new SampleCount(samples, job.Aggregation.SamplesMax, grid) : null));
            filters.AddRange(session is null ? [] : [new MaskFilter(session.Site)]);
            return new FilterPipeline(FilterPoint.TaskResultOut, [.. filters, new PackFilter(ring.Bits)]);
        }

        if (key is not null)
        {
            filters.Add(new GaussianNoiseFilter(key, job.Privacy!.NoiseMultiplier * job.Privacy.Clip));
        }

        return FilterPipeline.For(FilterPoint.TaskResultOut, pace.For(job, begun, dimension), filters);
    }

    private SecureSums SumsFor(TaskDocument task) => sums
        ?? throw new TaskFailedException($"job '{task.Job.Name}' wants secure aggregation, for which sites sign with their kits, and this site has none");

    /// <summary>Chances that hide nothing come from the job's seed, so that the same job makes the same sums.</summary>
    private NoiseKey RoundingKey(TaskDocument task) => new(SHA256.HashData(Encoding.UTF8.GetBytes($"rounding/{task.Job.Seed}/{task.Round}/{options.Name}")));

    private async Task<TransferResult> UploadAsync(TaskDocument task, ByteSource spool, IProgress<TaskProgress> progress, CancellationToken cancellationToken)
    {
        const int BeginningsMax = 5;
        var address = new Uri(options.Server, Routes.Upload(task.Job.Name, task.Round, task.Step, task.Attempt));
        ObjectClient objects = ObjectsFor(task);
        long bytes = 0;
        for (int begun = 1; ; begun++)
        {
            await patience.TryAsync(token => server.BeginUploadAsync(address, spool.Length, token), cancellationToken);
            try
            {
                TransferResult sent = await objects.UploadAsync(address, spool, new TransferRelay(progress, TaskPhase.Uploading), cancellationToken);
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
        IReadOnlyList<string> exclude = options.Filters.Exclude;
        foreach (string idle in ExcludeFilter.Idle(exclude, sent))
        {
            LogIdle(options.Logger, idle, task.Job.Name, sent[0].Spec.Name);
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "filters.exclude: no tensor of job '{Job}' is named '{Pattern}'; its tensors are named such as '{Tensor}'")]
    private static partial void LogIdle(ILogger logger, string pattern, string job, string tensor);
}

/// <summary>Tells how far a transfer has come as the phase of a task.</summary>
internal sealed class TransferRelay(IProgress<TaskProgress> progress, TaskPhase phase) : IProgress<TransferProgress>
{
    public void Report(TransferProgress value) => progress.Report(new TaskProgress(phase, value.BytesDone, value.BytesTotal));
}
