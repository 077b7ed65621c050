using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Transport;

namespace Tributary.Site;

/// <summary>The server's interface as a site uses it. Objects go another way, see Tributary.Transport.</summary>
internal sealed class ServerClient : IDisposable
{
    private readonly SiteOptions _options;

    public ServerClient(SiteOptions options)
    {
        _options = options;
        Http = new HttpClient(new VersionHandler(ServerConnection.Open(options)))
        {
            BaseAddress = options.Server,
            // Uploads and long polls take as long as they take; what makes no progress is ended by its own rule.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (options.Token is { } token)
        {
            Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    public HttpClient Http { get; }

    public void Dispose() => Http.Dispose();

    public async Task<TaskDocument?> NextTaskAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Routes.NextTask);
        request.Headers.Add("Prefer", $"wait={_options.LongPoll.TotalSeconds:0}");
        using HttpResponseMessage response = await Http.SendAsync(request, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NoContent)
        {
            return null;
        }

        await RequireSuccessAsync(response, cancellationToken);
        return await response.Content.ReadFromJsonAsync(WireJson.Default.TaskDocument, cancellationToken);
    }

    public Task ReportAsync(TaskDocument task, TaskProgress progress, CancellationToken cancellationToken) =>
        PostAsync(task, "progress", progress, WireJson.Default.TaskProgress, cancellationToken);

    public Task FailAsync(TaskDocument task, string reason, bool isTransient, CancellationToken cancellationToken) =>
        PostAsync(task, "failure", new FailureDocument(reason, isTransient, task.Attempt), WireJson.Default.FailureDocument, cancellationToken);

    public Task SendResultAsync(TaskDocument task, ResultDocument result, CancellationToken cancellationToken) =>
        PostAsync(task, "result", result, WireJson.Default.ResultDocument, cancellationToken);

    /// <summary>Announces an upload of that many bytes; asking again for one that was begun changes nothing.</summary>
    public async Task BeginUploadAsync(Uri address, long length, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await Http.PostAsJsonAsync(
            address, new UploadDocument(length, PartLayout.PartBytesDefault), WireJson.Default.UploadDocument, cancellationToken);
        await RequireSuccessAsync(response, cancellationToken);
    }

    private async Task PostAsync<T>(TaskDocument task, string what, T document, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        string path = $"{Routes.Step(task.Job.Name, task.Round, task.Step)}/{what}";
        using HttpResponseMessage response = await Http.PostAsJsonAsync(path, document, type, cancellationToken);
        await RequireSuccessAsync(response, cancellationToken);
    }

    private static async Task RequireSuccessAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode == HttpStatusCode.Gone)
        {
            throw new StepGoneException();
        }

        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"the server answered {(int)response.StatusCode}: {await DetailAsync(response, cancellationToken)}", null, response.StatusCode);
        }
    }

    private static async Task<string> DetailAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        string body = await response.Content.ReadAsStringAsync(cancellationToken);
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return document.RootElement.TryGetProperty("detail", out JsonElement detail) ? detail.ToString() : body;
        }
        catch (JsonException)
        {
            return response.ReasonPhrase ?? body;
        }
    }
}

/// <summary>The step is closed: its work is no longer needed.</summary>
internal sealed class StepGoneException() : Exception("the step is closed; its work is no longer needed");
