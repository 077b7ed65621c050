using System.Net;
using Tributary.Privacy.SecureAggregation;
using Tributary.Provisioning;

namespace Tributary.Server;

/// <summary>How a server runs.</summary>
public sealed record ServerOptions
{
    /// <summary>The folder of its journal, models, messages and spool.</summary>
    public required string Folder { get; init; }

    /// <summary>The port it listens on; 0 for any that is free.</summary>
    public int Port { get; init; }

    /// <summary>
    /// Its kit: it serves mutual TLS, and knows who asks by their certificates. Null for a server on loopback, without TLS, that knows sites by
    /// tokens.
    /// </summary>
    public Kit? Kit { get; init; }

    /// <summary>The machine's address that it listens on with a kit; null for all. Without a kit it is loopback always.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>The loopback port on which it answers healthz and readyz without TLS, and nothing else; null for none.</summary>
    public int? HealthPort { get; init; }

    /// <summary>
    /// What signatures of jobs are held against: it takes jobs from administrators then. Null where it is the kit's, or where jobs are run by
    /// <see cref="TributaryServer.RunJobAsync(Federation.Jobs.Job, Tensors.TensorSource, Action{Federation.Rounds.JobEvent}, CancellationToken)"/> alone.
    /// </summary>
    public ProjectTrust? Trust
    {
        get => field ?? Kit?.Trust;
        init;
    }

    /// <summary>What sites' signatures in secure aggregation are held against; null where it is <see cref="Trust"/>, or where there is none.</summary>
    public VerifyStatement? Verify
    {
        get => field ?? (Trust is { } trust ? (site, type, text, signature) => SiteSignature.IsOf(site, type, text, signature, trust) : null);
        init;
    }

    /// <summary>How many submitted jobs run at once.</summary>
    public int JobsMax { get; init; } = 4;

    /// <summary>The largest model that a job may start from, in bytes.</summary>
    public long ModelBytesMax { get; init; } = 1L << 40;

    /// <summary>The OpenTelemetry collector that the program around the server is to send traces and metrics to; null where its configuration says none.</summary>
    public Uri? Telemetry { get; init; }

    /// <summary>The sites it knows without a kit: each site's name by the bearer token that it shows.</summary>
    public IReadOnlyDictionary<string, string> SiteByToken { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Without a kit: takes any bearer token that is a site's name for that site, or a party's, as role/name, for that party. For trials on one
    /// machine, with nobody else on it.
    /// </summary>
    public bool TrustsNames { get; init; }

    /// <summary>The largest message it takes from a site, in bytes.</summary>
    public long MessageBytesMax { get; init; } = 1L << 40;

    /// <summary>How many requests in a second it answers one party; null for any number.</summary>
    public int? RequestsPerSecond { get; init; }

    /// <summary>The longest that a request for a task waits for one.</summary>
    public TimeSpan LongPollMax { get; init; } = TimeSpan.FromSeconds(60);
}
