using Tributary.Federation.Wire;

namespace Tributary.Client;

/// <summary>Says this party's version in every request, and stops at a server of another major one.</summary>
internal sealed class VersionHandler(HttpMessageHandler connection) : DelegatingHandler(connection)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.TryAddWithoutValidation(ProtocolVersion.Header, ProtocolVersion.Current);
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        string? theirs = response.Headers.TryGetValues(ProtocolVersion.Header, out IEnumerable<string>? said) ? string.Join(", ", said) : null;
        if (ProtocolVersion.Refuse(theirs, "the server") is { } reason)
        {
            response.Dispose();
            throw new VersionMismatchException(reason);
        }

        return response;
    }
}

/// <summary>The server is of another major version; the message says which, and what to do.</summary>
public sealed class VersionMismatchException : Exception
{
    /// <summary>Makes the error.</summary>
    public VersionMismatchException(string message)
        : base(message)
    {
    }
}
