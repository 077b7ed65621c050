using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using Tributary.Codecs.Messages;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Client;

/// <summary>The server's interface as administrators and viewers use it: submit jobs, look at them, end them, fetch what came of them.</summary>
/// <remarks>
/// Every member throws <see cref="HttpRequestException"/> with the server's own words where it refuses, or where it cannot be reached, and
/// <see cref="VersionMismatchException"/> where it is of another major version.
/// </remarks>
public sealed class JobClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly Kit _kit;
    private readonly TimeProvider _time;
    private readonly ObjectClient _objects;

    /// <summary>Makes the client; nothing is sent yet.</summary>
    /// <param name="kit">The party's kit, with whose key jobs are signed.</param>
    /// <param name="server">Where the server is.</param>
    /// <param name="isInsecure">Without TLS, to a server on loopback that was started so.</param>
    /// <param name="time">The clock.</param>
    /// <param name="jitter">Spreads repetitions.</param>
    public JobClient(Kit kit, AdminFile server, bool isInsecure, TimeProvider time, Random jitter)
    {
        _kit = kit;
        _time = time;
        Server = server.Address(isInsecure);
        _http = server.Connect(kit, isInsecure);
        _objects = new ObjectClient(_http, new TransferOptions(), time, jitter);
    }

    /// <summary>Where the server is.</summary>
    public Uri Server { get; }

    /// <summary>Signs a job, submits it, and uploads the model that it starts from where the server does not have that. Cut short, it goes on where it was.</summary>
    /// <param name="job">The job.</param>
    /// <param name="modelName">What to call the model.</param>
    /// <param name="initial">The model; read once for its digest, and once more where it is uploaded.</param>
    /// <param name="progress">Told how much of the model is there; null for nobody.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="TransferException">The upload failed; the message says how far it came.</exception>
    public async Task<JobDocument> SubmitAsync(Job job, string modelName, TensorSource initial, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        if (!initial.IsStored)
        {
            // Computed tile by tile: written once, and then read as any file.
            DirectoryInfo scratch = Directory.CreateTempSubdirectory("tributary-submit-");
            try
            {
                string path = Path.Combine(scratch.FullName, "model.safetensors");
                new SafetensorsWriter(initial).WriteFile(path, cancellationToken);
                using var written = SafetensorsFile.Open(path);
                return await SubmitAsync(job, modelName, written, progress, cancellationToken);
            }
            finally
            {
                scratch.Delete(recursive: true);
            }
        }

        SafetensorsWriter plan = new(initial);
        using var bytes = new PlannedMessage(plan);
        string digest;
        using (var served = new ServedObject(modelName, new PlannedMessage(plan)))
        {
            digest = (await served.CommitAsync()).Digest;
        }

        var model = new InitialModel(digest, bytes.Length, modelName, initial.Manifest.ElementCount);
        JobDocument submitted = await SubmitAsync(job, model, cancellationToken);
        if (submitted.Line.State != JobState.AwaitingModel)
        {
            return submitted;
        }

        var address = new Uri(Server, JobRoutes.Initial(digest));
        using (HttpResponseMessage begun = await _http.PostAsJsonAsync(
            address, new UploadDocument(bytes.Length, PartLayout.PartBytesDefault), WireJson.Default.UploadDocument, cancellationToken))
        {
            await ServerAnswer.RequireSuccessAsync(begun, cancellationToken);
        }

        await _objects.UploadAsync(address, bytes, progress, cancellationToken);
        return await GetAsync(job.Name, cancellationToken);
    }

    /// <summary>Submits a job that starts from a model which the server has, as that of another job.</summary>
    public async Task<JobDocument> SubmitAsync(Job job, InitialModel model, CancellationToken cancellationToken)
    {
        string text = new JobStatement(job, model, await SubmittedAsync(job, model, cancellationToken)).ToText();
        PartySignature signed = PartySignature.Sign(JobStatement.MediaType, text, _kit);
        var document = new SignedJobDocument(signed.Text, signed.Signature, signed.Certificate);
        using HttpResponseMessage response = await _http.PostAsJsonAsync(JobRoutes.Jobs, document, JobJson.Default.SignedJobDocument, cancellationToken);
        return await ReadAsync(response, JobJson.Default.JobDocument, cancellationToken);
    }

    /// <summary>Whom the server takes this client for.</summary>
    public Task<PartyDocument> MeAsync(CancellationToken cancellationToken) => GetAsync(JobRoutes.Me, JobJson.Default.PartyDocument, null, cancellationToken);

    /// <summary>The jobs at the server, the newest first.</summary>
    public Task<IReadOnlyList<JobLineDocument>> ListAsync(CancellationToken cancellationToken) => GetAsync(JobRoutes.Jobs, JobJson.Default.IReadOnlyListJobLineDocument, null, cancellationToken);

    /// <summary>The sites that the server has heard of since it was started.</summary>
    public Task<IReadOnlyList<SiteDocument>> SitesAsync(CancellationToken cancellationToken) => GetAsync(JobRoutes.Sites, JobJson.Default.IReadOnlyListSiteDocument, null, cancellationToken);

    /// <summary>A job as it stands.</summary>
    public Task<JobDocument> GetAsync(string job, CancellationToken cancellationToken) => GetAsync(JobRoutes.Job(job), JobJson.Default.JobDocument, null, cancellationToken);

    /// <summary>A job's statement, as it was signed.</summary>
    public Task<SignedJobDocument> StatementAsync(string job, CancellationToken cancellationToken) => GetAsync(JobRoutes.Statement(job), JobJson.Default.SignedJobDocument, null, cancellationToken);

    /// <summary>A job's events after a number; the server waits that long for one.</summary>
    public Task<IReadOnlyList<EventDocument>> EventsAsync(string job, long after, TimeSpan wait, CancellationToken cancellationToken) =>
        GetAsync(JobRoutes.Events(job, after), JobJson.Default.IReadOnlyListEventDocument, wait, cancellationToken);

    /// <summary>Ends a job; its sites throw away what they work on. It can be resumed.</summary>
    public Task<JobDocument> AbortAsync(string job, CancellationToken cancellationToken) => PostAsync(JobRoutes.Abort(job), cancellationToken);

    /// <summary>Goes on with a job that failed or was ended.</summary>
    public Task<JobDocument> ResumeAsync(string job, CancellationToken cancellationToken) => PostAsync(JobRoutes.Resume(job), cancellationToken);

    /// <summary>Removes a job that has ended, with its models.</summary>
    public async Task DeleteAsync(string job, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.DeleteAsync(JobRoutes.Job(job), cancellationToken);
        await ServerAnswer.RequireSuccessAsync(response, cancellationToken);
    }

    /// <summary>Fetches a job's last or best global model, a safetensors file of fp32 weights; that it starts from, where there is no other yet. Goes on where it was.</summary>
    /// <exception cref="TransferException">It failed; the message says why and how far it came.</exception>
    public Task DownloadModelAsync(string job, bool best, string path, IProgress<TransferProgress>? progress, CancellationToken cancellationToken) =>
        _objects.DownloadAsync(new Uri(Server, JobRoutes.Model(job, best)), path, new DownloadRequest { Progress = progress, LengthMax = long.MaxValue }, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>The time that a statement says: that of the one which is there, so that submitting the same job once more submits the same text.</summary>
    private async Task<DateTimeOffset> SubmittedAsync(Job job, InitialModel model, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.GetAsync(JobRoutes.Statement(job.Name), cancellationToken);
        if (response.StatusCode != HttpStatusCode.NotFound
            && JobStatement.Parse((await ReadAsync(response, JobJson.Default.SignedJobDocument, cancellationToken)).Statement) is var there
            && new JobStatement(job, model, there.Submitted).ToText() == there.ToText())
        {
            return there.Submitted;
        }

        return _time.GetUtcNow();
    }

    private async Task<JobDocument> PostAsync(string address, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.PostAsync(address, content: null, cancellationToken);
        return await ReadAsync(response, JobJson.Default.JobDocument, cancellationToken);
    }

    private async Task<T> GetAsync<T>(string address, JsonTypeInfo<T> type, TimeSpan? wait, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (wait is { } longest)
        {
            request.Headers.Add("Prefer", $"wait={longest.TotalSeconds:0}");
        }

        using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken);
        return await ReadAsync(response, type, cancellationToken);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        await ServerAnswer.RequireSuccessAsync(response, cancellationToken);
        return await response.Content.ReadFromJsonAsync(type, cancellationToken) ?? throw new HttpRequestException("the server answered with nothing");
    }
}
