using System.Text.Json;

namespace Tributary.Client;

/// <summary>What the server answers, and why it refuses.</summary>
public static class ServerAnswer
{
    /// <summary>Requires that a request has succeeded.</summary>
    /// <exception cref="HttpRequestException">It has not; the message has the server's own words.</exception>
    public static async Task RequireSuccessAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
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
