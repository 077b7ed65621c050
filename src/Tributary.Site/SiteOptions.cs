using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tributary.Federation.Filters;
using Tributary.Privacy.SecureAggregation;
using Tributary.Provisioning;
using Tributary.Site.Rules;
using Tributary.Transport;

namespace Tributary.Site;

/// <summary>How a site's agent runs.</summary>
public sealed record SiteOptions
{
    /// <summary>The site's name.</summary>
    public required string Name { get; init; }

    /// <summary>The folder of the messages and models it holds.</summary>
    public required string Folder { get; init; }

    /// <summary>The server's address.</summary>
    public required Uri Server { get; init; }

    /// <summary>Its kit: it shows the kit's certificate, and takes no server but the project's. Null for a server on loopback, without TLS.</summary>
    public Kit? Kit { get; init; }

    /// <summary>What signatures of jobs are held against: a job that is not signed by an administrator is refused. Null where it is the kit's, or where jobs are not signed.</summary>
    public ProjectTrust? Trust
    {
        get => field ?? Kit?.Trust;
        init;
    }

    /// <summary>The bearer token it shows where it has no kit.</summary>
    public string? Token { get; init; }

    /// <summary>The proxy it goes out through; null for the one that the environment names (HTTPS_PROXY and NO_PROXY), if any.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>How it signs its part in secure aggregation and checks others'; null where it has no kit, and then it has no part in any.</summary>
    public (SignStatement Sign, VerifyStatement Verify)? Statements
    {
        get => field ?? (Kit is { } kit ? (
            (type, text) => PartySignature.Sign(type, text, kit).Detached(),
            (site, type, text, signature) => SiteSignature.IsOf(site, type, text, signature, kit.Trust)) : null);
        init;
    }

    /// <summary>Where it says that it is connected, or why not.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The largest message or model it takes from the server, in bytes; a task with a larger one is refused before any of it is fetched.</summary>
    public long MessageBytesMax { get; init; } = 1L << 40;

    /// <summary>How long a request for a task waits at the server.</summary>
    public TimeSpan LongPoll { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often the server is told how far a task has come; also the sign that the site lives.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The places of a process in which sites take turns: a task is begun when one is free, which it takes until its result is sent, and the
    /// server is told meanwhile that the site lives. Null where the site is alone.
    /// </summary>
    public SemaphoreSlim? Turns { get; init; }

    /// <summary>
    /// The site's own filters, in order: whatever a job says, what the site sends goes through them, the weights or their change as the job
    /// exchanges, before it is encoded. They take and give dense tensors.
    /// </summary>
    public IReadOnlyList<Filter> ResultFilters { get; init; } = [];

    /// <summary>What the site's configuration does to all that is sent, after <see cref="ResultFilters"/>.</summary>
    public SiteFilters Filters { get; init; } = new();

    /// <summary>Which jobs the site takes part in, and when.</summary>
    public SiteRules Rules { get; init; } = new();

    /// <summary>How messages are moved, and when a transfer is given up as too slow.</summary>
    public TransferOptions Transfers { get; init; } = new();
}
