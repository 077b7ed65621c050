using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Identity;

namespace Tributary.Server.Queue;

/// <summary>When the server last heard of each site, since it was started.</summary>
internal sealed class SitePresence(TimeProvider time)
{
    /// <summary>A site that waits for a task asks anew within half of this.</summary>
    public static readonly TimeSpan AwayAfter = TimeSpan.FromSeconds(90);

    private readonly ConcurrentDictionary<string, SiteDocument> _seen = new(StringComparer.Ordinal);
    private readonly Signal _came = new();

    /// <summary>Ends when a site is heard of that was not there before.</summary>
    public Task Came => _came.Next;

    /// <summary>Notes each request of a site; after it is known who asks.</summary>
    public void Use(IApplicationBuilder application) => application.Use(async (context, next) =>
    {
        if (context.Party() is { Role: PartyRole.Site, Name: var site })
        {
            Hear(site, context.Request.Headers[ProtocolVersion.Header]);
        }

        await next(context);
    });

    public void Hear(string site, string? version)
    {
        bool isNew = !IsThere(site);
        _seen[site] = new SiteDocument(site, time.GetUtcNow(), version);
        if (isNew)
        {
            _came.Set();
        }
    }

    public bool IsThere(string site) => _seen.TryGetValue(site, out SiteDocument? seen) && time.GetUtcNow() - seen.Seen < AwayAfter;

    public DateTimeOffset? Seen(string site) => _seen.GetValueOrDefault(site)?.Seen;

    /// <summary>The sites that were heard of, by name.</summary>
    public IReadOnlyList<SiteDocument> All() => [.. _seen.Values.OrderBy(site => site.Site, StringComparer.Ordinal)];
}
