using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Tensors;
using Tributary.TestKit;
using Tributary.Transport;

namespace Tributary.Server.Tests.Harness;

/// <summary>A site whose every request a test makes by hand.</summary>
internal sealed class ManualSite(HttpClient http) : IDisposable
{
    private static readonly Dictionary<string, double> Metrics = new() { [MetricNames.ReceivedLoss] = 1, [MetricNames.HeldOutTokens] = 10 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public HttpClient Http => http;

    public static Uri Upload(TaskDocument task, int attempt) => new(Routes.Upload(task.Job.Name, task.Round, task.Step, attempt), UriKind.Relative);

    public static MessageMeaning Meaning(TaskDocument task) => new(MessageKind.Delta, task.Message.Meaning.ModelDigest(task.Message.Digest!), task.Job.Precision.Result);

    /// <summary>The Content-Digest field of a part.</summary>
    public static string ContentDigest(ReadOnlySpan<byte> part)
    {
        Span<byte> bytes = stackalloc byte[PartChecksum.Size];
        PartChecksum.Of(part).CopyTo(bytes);
        return $"crc64nvme=:{Convert.ToBase64String(bytes)}:";
    }

    public async Task<HttpResponseMessage> PollAsync(string? prefer = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Routes.NextTask);
        if (prefer is not null)
        {
            request.Headers.Add("Prefer", prefer);
        }

        return await http.SendAsync(request, Cancel);
    }

    /// <summary>Takes the next task, with its message's digest, for which it waits as a site does that fetches it.</summary>
    public async Task<TaskDocument> TakeAsync()
    {
        using HttpResponseMessage response = await PollAsync("wait=30");
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        TaskDocument task = (await response.Content.ReadFromJsonAsync(WireJson.Default.TaskDocument, Cancel))!;
        using var request = new HttpRequestMessage(HttpMethod.Get, task.Message.Path + "/descriptor");
        request.Headers.Add("Prefer", "wait=30");
        using HttpResponseMessage described = await http.SendAsync(request, Cancel);
        JsonElement descriptor = await described.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        return task with { Message = task.Message with { Digest = descriptor.GetProperty("digest").GetString() } };
    }

    /// <summary>Begins an upload of that many bytes, and tells how that was answered.</summary>
    public async Task<HttpStatusCode> BeginAsync(TaskDocument task, int attempt, long length, int partBytes = PartLayout.PartBytesDefault)
    {
        using HttpResponseMessage begun = await http.PostAsJsonAsync(Upload(task, attempt), new UploadDocument(length, partBytes), WireJson.Default.UploadDocument, Cancel);
        return begun.StatusCode;
    }

    /// <summary>Uploads an update and commits it; gives its digest.</summary>
    public async Task<string> UploadAsync(TaskDocument task, int attempt, TensorSource update)
    {
        using var folder = new TempFolder();
        using var encoded = new QuantizedSource(update, Precision.Parse(task.Job.Precision.Result));
        MessageFile.Plan(encoded).WriteFile(folder["message"], Cancel);
        return await UploadFileAsync(task, attempt, folder["message"]);
    }

    /// <summary>Uploads bytes and commits them; gives their digest.</summary>
    public async Task<string> UploadAsync(TaskDocument task, int attempt, byte[] bytes)
    {
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder["message"], bytes, Cancel);
        return await UploadFileAsync(task, attempt, folder["message"]);
    }

    private async Task<string> UploadFileAsync(TaskDocument task, int attempt, string path)
    {
        var address = new Uri(http.BaseAddress!, Upload(task, attempt));
        var begin = new UploadDocument(new FileInfo(path).Length, PartLayout.PartBytesDefault);
        using HttpResponseMessage begun = await http.PostAsJsonAsync(address, begin, WireJson.Default.UploadDocument, Cancel);
        begun.StatusCode.ShouldBe(HttpStatusCode.OK);
        var objects = new ObjectClient(http, new TransferOptions(), TimeProvider.System, new Random(1));
        using ByteSource source = ByteSource.FromFile(path);
        return (await objects.UploadAsync(address, source, null, Cancel)).Descriptor.Digest;
    }

    public Task<HttpResponseMessage> PostAsync(TaskDocument task, ResultDocument result) =>
        http.PostAsJsonAsync($"{Routes.Step(task.Job.Name, task.Round, task.Step)}/result", result, WireJson.Default.ResultDocument, Cancel);

    /// <summary>Uploads an update and posts its result.</summary>
    public async Task<HttpStatusCode> SendAsync(TaskDocument task, int attempt, TensorSource update, long samples)
    {
        string digest = await UploadAsync(task, attempt, update);
        using HttpResponseMessage response = await PostAsync(task, new ResultDocument(attempt, samples, Metrics, digest, Meaning(task)));
        return response.StatusCode;
    }

    /// <summary>Takes the evaluation that ends a job and answers it.</summary>
    public async Task EvaluateAsync()
    {
        TaskDocument task = await TakeAsync();
        task.Name.ShouldBe(TaskNames.Evaluate);
        using HttpResponseMessage response = await PostAsync(task, new ResultDocument(task.Attempt, 0, Metrics, null, null));
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    public void Dispose() => http.Dispose();
}
