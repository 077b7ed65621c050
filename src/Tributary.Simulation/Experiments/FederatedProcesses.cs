using System.Security.Cryptography;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Simulation.Experiments;

/// <summary>A job of an experiment in processes of their own: one for the server and one for each site.</summary>
/// <param name="program">The program.</param>
/// <param name="model">The model that is sent.</param>
/// <param name="time">The clock.</param>
internal sealed class FederatedProcesses(ProgramCommand program, ExperimentModel model, TimeProvider time)
{
    private readonly List<RoleEvent> _ofServer = [];
    private readonly Dictionary<string, List<RoleEvent>> _ofSites = new(StringComparer.Ordinal);

    /// <summary>Whether the sites return a model.</summary>
    public bool RoundTrip { get; init; } = true;

    /// <summary>Makes a site's settings what the experiment wants them to be.</summary>
    public Func<SiteSettings, SiteSettings> Settings { get; init; } = static settings => settings;

    /// <summary>Told how far sites have come.</summary>
    public Action<SiteMoved> Moved { get; init; } = static _ => { };

    /// <summary>The names of so many sites, sorted.</summary>
    public static string[] Names(int sites) => [.. Enumerable.Range(1, sites).Select(number => $"site-{number}").Order(StringComparer.Ordinal)];

    /// <summary>Runs the job to its end.</summary>
    /// <exception cref="Federation.Workflows.JobFailedException">A process failed; the message names it and has what it said.</exception>
    public async Task<FederatedRecord> RunAsync(Job job, MeasurementPlace place, CancellationToken cancellationToken)
    {
        var tokens = job.Sites.ToDictionary(_ => RandomNumberGenerator.GetHexString(32, lowercase: true), name => name, StringComparer.Ordinal);
        var settings = new ServerSettings(job, RoundTrip, model.Path, Path.Combine(place.Folder, "server"), 0, tokens);
        await using RoleProcess server = RoleProcess.Start(program, "server", settings, place.Group);
        RoleReady ready = await server.UntilAsync<RoleReady>(Observe, cancellationToken);
        var sites = new List<RoleProcess>();
        try
        {
            foreach ((string token, string name) in tokens)
            {
                SiteSettings site = Settings(new SiteSettings(name, Path.Combine(place.Folder, name), ready.Address!, token));
                sites.Add(RoleProcess.Start(program, name, site, place.Group));
            }

            await Task.WhenAll(sites.Select(site => site.UntilAsync<RoleReady>(static _ => { }, cancellationToken)));
            await place.TouchMemoryAsync(cancellationToken);
            server.Begin();
            RoleBegan began = await server.UntilAsync<RoleBegan>(Observe, cancellationToken);
            Task<JobDone> running = server.UntilAsync<JobDone>(Observe, cancellationToken);
            Task[] told = [.. sites.Select(site => CollectAsync(site, cancellationToken))];

            // Whoever ends before the job has failed, and the others would wait for it.
            await await Task.WhenAny([running, server.Ended, .. sites.Select(site => site.Ended)]);
            JobDone done = await running;
            long[] peaks = await Task.WhenAll(sites.Select(site => site.EndAsync(cancellationToken)));
            await Task.WhenAll(told);
            long serverPeak = await server.EndAsync(cancellationToken);
            return new FederatedRecord
            {
                Time = time,
                BeganAt = began.At,
                Done = done,
                Told = _ofServer,
                ServerPeakBytes = serverPeak,
                Sites = [.. sites.Select((site, i) => new SiteRecord(site.Name, peaks[i], [.. _ofSites[site.Name].OfType<ModelRead>()]))],
                Memory = place.Group?.Usage(),
            };
        }
        finally
        {
            foreach (RoleProcess site in sites)
            {
                await site.DisposeAsync();
            }
        }
    }

    private async Task CollectAsync(RoleProcess site, CancellationToken cancellationToken)
    {
        var events = new List<RoleEvent>();
        _ofSites.Add(site.Name, events);
        await foreach (RoleEvent happened in site.Events.ReadAllAsync(cancellationToken))
        {
            events.Add(happened);
        }
    }

    private void Observe(RoleEvent happened)
    {
        if (happened is SiteMoved moved)
        {
            Moved(moved);
        }
        else
        {
            _ofServer.Add(happened);
        }
    }
}

/// <summary>What the processes of a job told.</summary>
internal sealed record FederatedRecord
{
    /// <summary>Reads moments.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>When the job began.</summary>
    public required long BeganAt { get; init; }

    /// <summary>How it ended.</summary>
    public required JobDone Done { get; init; }

    /// <summary>What the server told before that, but how far sites had come.</summary>
    public required IReadOnlyList<RoleEvent> Told { get; init; }

    /// <summary>The peak resident set of the server's process.</summary>
    public required long ServerPeakBytes { get; init; }

    /// <summary>The sites, sorted by name.</summary>
    public required IReadOnlyList<SiteRecord> Sites { get; init; }

    /// <summary>What the memory group used; null where there is none.</summary>
    public required MemoryGroupUsage? Memory { get; init; }

    /// <summary>Seconds from the begin of the job.</summary>
    public double Since(long at) => Time.GetElapsedTime(BeganAt, at).TotalSeconds;
}

/// <summary>What a site's process told.</summary>
/// <param name="Name">The site's name.</param>
/// <param name="PeakBytes">Its peak resident set.</param>
/// <param name="Reads">Each round's model, received and used.</param>
internal sealed record SiteRecord(string Name, long PeakBytes, IReadOnlyList<ModelRead> Reads);
