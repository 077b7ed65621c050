using System.Collections.Concurrent;
using System.Diagnostics;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>A step that takes results: what sites fetch for it, and where each stands.</summary>
internal sealed class OpenStep(
    Job job, JobFolder folder, Journal journal, TaskRequest request, StepMessage message, (ServedObject Object, BaseDocument Document)? baseModel, StepState state, Signal changed) : IAsyncDisposable
{
    // Each costs the server some buffers. With few sites it is more than any of them takes, and with many the line is full all the same.
    private const int ConnectionsMax = 64;

    private readonly Dictionary<string, SiteUpload> _uploads =
        job.Sites.ToDictionary(site => site, site => new SiteUpload(folder.Spool(request.Round, request.Step, site)), StringComparer.Ordinal);

    // The first attempt of each site since the step was opened.
    private readonly ConcurrentDictionary<string, int> _handed = new(StringComparer.Ordinal);

    private readonly Task<Task<Exception>> _broken =
        Task.WhenAny<Exception>(baseModel is var (offered, _) ? [message.Object.Broken, offered.Broken] : [message.Object.Broken]);

    // Sites' spans belong to the step's, in which it is made.
    private readonly string? _trace = Activity.Current?.Id;

    public TaskRequest Request => request;

    private const int HeaderBytesOfTensor = 16 << 10;

    public string Name => request.Task;

    public int Round => request.Round;

    public int Step => request.Step;

    /// <summary>What is sent to the sites.</summary>
    public StepMessage Message => message;

    public StepState State => state;

    /// <summary>
    /// More than the message of any result has: twice the step's model in fp32, as where a site returns more than a model, and a header that says of each tensor as much as a long name takes. One site that asks for room
    /// beyond that would take it from all others.
    /// </summary>
    public long ResultBytesMax => (2 * request.Model.Weights.Manifest.ByteLength) + ((request.Model.Weights.Manifest.Count + 1L) * HeaderBytesOfTensor);

    /// <summary>The task as it is handed to a site, each time as a new attempt, also after a restart.</summary>
    public TaskDocument TaskFor(string site)
    {
        int attempt = journal.AddAttempt(job.Name, Round, Step, site);
        _handed.TryAdd(site, attempt);
        string? counted = job.KeepsResiduals ? journal.LastResult(job.Name, site) : null;
        return new TaskDocument(job, Name, Round, Step, attempt, message.Document, baseModel?.Document, Math.Max(1, ConnectionsMax / job.Sites.Count), Counted: counted, Traceparent: _trace, Note: request.Notes?.GetValueOrDefault(site));
    }

    /// <summary>
    /// Whether an attempt was handed to a site since this was opened. What became of one before that, of a job that was ended and begun again, says nothing of
    /// this: what failed it may have been the end itself.
    /// </summary>
    public bool WasHanded(string site, int attempt) => _handed.TryGetValue(site, out int first) && attempt >= first;

    public int Attempts(string site) => journal.Attempts(job.Name, Round, Step, site);

    /// <summary>Says that a site has moved.</summary>
    public void Signal() => changed.Set();

    public ServedObject? FindObject(string name) =>
        name == message.Object.Id ? message.Object : name == baseModel?.Object.Id ? baseModel?.Object : null;

    /// <summary>What a site of the job uploads.</summary>
    public SiteUpload UploadOf(string site) => _uploads[site];

    /// <summary>Waits until the step can be closed, and meanwhile for the encoder and what is offered, whose faults are the step's and not a site's.</summary>
    /// <param name="isDone">Closes it if it can be.</param>
    /// <param name="tick">Looked at again after that time, to notice a site that says nothing.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="StepBrokenException">An object cannot be had.</exception>
    public async Task WaitAsync(Func<bool> isDone, TimeSpan tick, TimeProvider time, CancellationToken cancellationToken)
    {
        // Taken before looking, so that a change meanwhile is not missed.
        for (Task moved = changed.Next; !await IsBrokenAsync() && !await IsDoneAsync(isDone); moved = changed.Next)
        {
            var wake = Task.Delay(tick, time, cancellationToken);
            await (message.Made.IsCompleted ? Task.WhenAny(moved, wake, _broken) : Task.WhenAny(moved, wake, _broken, message.Made));
            cancellationToken.ThrowIfCancellationRequested();
            if (message.Made.IsFaulted)
            {
                await message.Made;
            }
        }

        await message.Object.CommitAsync();
    }

    /// <summary>Ends what is offered and closes the uploads; what arrived of them stays for a later attempt to go on with.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (SiteUpload upload in _uploads.Values)
        {
            upload.Dispose();
        }

        baseModel?.Object.Dispose();
        await message.DisposeAsync();
    }

    /// <summary>Where sites failed since an object broke, the object is the reason, and not they.</summary>
    private async Task<bool> IsDoneAsync(Func<bool> isDone)
    {
        if (message.ModelSaved.IsCompleted)
        {
            state.RunDeadline();
        }

        try
        {
            return isDone();
        }
        catch (QuorumLostException)
        {
            await IsBrokenAsync();
            throw;
        }
    }

    /// <summary>A site is told that an object cannot be had after the object knows, so its failure never comes before the reason.</summary>
    /// <exception cref="StepBrokenException">An object cannot be had.</exception>
    private async Task<bool> IsBrokenAsync()
    {
        if (!_broken.IsCompleted)
        {
            return false;
        }

        // Where it is the encoder that failed, what it says is the reason.
        await message.Made;
        Exception reason = await await _broken;
        throw new StepBrokenException((reason.InnerException ?? reason).Message);
    }
}
