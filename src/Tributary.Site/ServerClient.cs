using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using Tributary.Client;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Transport;

namespace Tributary.Site;

/// <summary>The server's interface as a site uses it. Objects go another way, see Tributary.Transport.</summary>
internal sealed class ServerClient : IDisposable
{
    public ServerClient(SiteOptions options) => Http = ServerConnection.Open(options.Server, options.Kit, options.Token, options.Proxy);

    public HttpClient Http { get; }

    public void Dispose() => Http.Dispose();

    /// <summary>The site's next task of a job other than these, for which the server waits that long; null where there is none.</summary>
    public async Task<TaskDocument?> NextTaskAsync(TimeSpan wait, IReadOnlyList<string> except, CancellationToken cancellationToken)
    {
        string query = except.Count == 0 ? string.Empty : "?" + string.Join('&', except.Select(job => $"{Routes.Except}={Uri.EscapeDataString(job)}"));
        using var request = new HttpRequestMessage(HttpMethod.Get, Routes.NextTask + query);
        request.Headers.Add("Prefer", $"wait={wait.TotalSeconds:0}");
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

        await ServerAnswer.RequireSuccessAsync(response, cancellationToken);
    }
}

/// <summary>The step is closed: its work is no longer needed.</summary>
internal sealed class StepGoneException() : Exception("the step is closed; its work is no longer needed");
