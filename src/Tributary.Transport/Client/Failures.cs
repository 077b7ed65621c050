using System.Net;
using System.Text.Json;

namespace Tributary.Transport;

/// <summary>Something that failed but is worth trying again.</summary>
internal sealed class TransientException(string message, TimeSpan? retryAfter, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>The server has another object under the same address now.</summary>
internal sealed class ObjectReplacedException(string message) : Exception(message);

/// <summary>The server is there, but what was asked for is still being made.</summary>
internal sealed class NotReadyException(string message) : Exception(message);

/// <summary>Turns a refusing response into the exception that says what to do about it.</summary>
internal static class Refusal
{
    private const int ProblemBytesMax = 16 << 10;

    public static async Task<Exception> ReadAsync(
        string what, HttpResponseMessage response, TimeProvider clock, CancellationToken cancellationToken)
    {
        ProblemJson? problem = await ReadProblemAsync(response, cancellationToken);
        string answer = $"{(int)response.StatusCode} {response.ReasonPhrase}".TrimEnd();
        string reason = problem?.Detail ?? problem?.Title ?? "no reason was given";
        string message = $"{what}: the server answered {answer}: {reason}";
        if (problem?.Type is ProblemTypes.PartNotReady)
        {
            return new NotReadyException(message);
        }

        if (IsTransient(response.StatusCode, problem?.Type))
        {
            TimeSpan? retryAfter = response.Headers.RetryAfter?.Delta ?? (response.Headers.RetryAfter?.Date - clock.GetUtcNow());
            return new TransientException(message, retryAfter);
        }

        TransferFailure failure = string.Equals(problem?.Type, ProblemTypes.ObjectChanged, StringComparison.Ordinal)
            ? TransferFailure.ObjectChanged
            : TransferFailure.Refused;
        return new TransferException(failure, message) { ProblemType = problem?.Type };
    }

    private static bool IsTransient(HttpStatusCode status, string? type) => type switch
    {
        ProblemTypes.PartDigestMismatch or ProblemTypes.PartSuperseded => true,
        ProblemTypes.ObjectChanged => false,
        _ => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or (HttpStatusCode)425
            || ((int)status >= 500 && status is not (HttpStatusCode.NotImplemented or HttpStatusCode.HttpVersionNotSupported)),
    };

    /// <summary>The problem document, where the body is one; what a proxy writes in between is no reason to fail in another way.</summary>
    private static async Task<ProblemJson?> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType is not "application/problem+json")
        {
            return null;
        }

        try
        {
            await response.Content.LoadIntoBufferAsync(ProblemBytesMax, cancellationToken);
            return JsonSerializer.Deserialize(
                await response.Content.ReadAsByteArrayAsync(cancellationToken), TransportJson.Default.ProblemJson);
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or IOException)
        {
            return new ProblemJson(null, "the problem document cannot be read", e.Message);
        }
    }
}
