using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Tensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>A step that waits for its sites: what they fetch, and where each stands.</summary>
internal sealed class OpenStep(
    Job job, JobFolder folder, Journal journal, TaskRequest request, StepMessage message, (ServedObject Object, BaseDocument Document)? baseModel, StepState state) : IDisposable
{
    private readonly Dictionary<string, SiteUpload> _uploads =
        job.Sites.ToDictionary(site => site, site => new SiteUpload(folder.Spool(request.Round, request.Step, site)), StringComparer.Ordinal);

    private TaskCompletionSource _changed = NewSignal();

    public string Name => request.Task;

    public int Round => request.Round;

    public int Step => request.Step;

    /// <summary>The tensors of the model that is sent, and of every update of it.</summary>
    public TensorManifest Model { get; } = request.Model.Weights.Manifest;

    /// <summary>What is sent to the sites.</summary>
    public StepMessage Message => message;

    public StepState State => state;

    /// <summary>Completes when a site has moved; take it before looking at the state.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <summary>The task as it is handed to a site, each time as a new attempt, also after a restart.</summary>
    public TaskDocument TaskFor(string site) => new(job, Name, Round, Step, journal.AddAttempt(job.Name, Round, Step, site), message.Document, baseModel?.Document);

    public int Attempts(string site) => journal.Attempts(job.Name, Round, Step, site);

    public void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    public ServedObject? FindObject(string name) =>
        name == message.Object.Id ? message.Object : name == baseModel?.Object.Id ? baseModel?.Object : null;

    /// <summary>What a site of the job uploads.</summary>
    public SiteUpload UploadOf(string site) => _uploads[site];

    /// <summary>Closes the uploads; what arrived of them stays for a later attempt to go on with.</summary>
    public void Dispose()
    {
        foreach (SiteUpload upload in _uploads.Values)
        {
            upload.Dispose();
        }

        baseModel?.Object.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
