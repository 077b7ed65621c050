using System.Security.Cryptography;
using Tributary.Codecs.Benchmarks;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Simulation.Streaming.Processes;
using Tributary.Simulation.Streaming.Roles;
using StreamingMode = Tributary.Federation.Jobs.Streaming;

namespace Tributary.Simulation.Streaming;

/// <summary>One job, measured: a server's process, one for each site, and what they tell.</summary>
internal sealed class FederatedMeasurement(
    StreamingOptions options, StreamedModel model, ProgramCommand program, string precision, StreamingMode streaming, TimeProvider time, Action<TaskPhase, long> progress)
{
    private readonly Dictionary<string, SiteMoved> _moved = new(StringComparer.Ordinal);
    private readonly List<RoleEvent> _told = [];

    public async Task<StreamingRun> MeasureAsync(int run, MeasurementPlace place, CancellationToken cancellationToken)
    {
        string[] names = [.. Enumerable.Range(1, options.Sites).Select(number => $"site-{number}").Order(StringComparer.Ordinal)];
        var tokens = names.ToDictionary(_ => RandomNumberGenerator.GetHexString(32, lowercase: true), name => name, StringComparer.Ordinal);
        var settings = new ServerSettings(JobOf(names), options.RoundTrip, model.Path, Path.Combine(place.Folder, "server"), 0, tokens);
        await using RoleProcess server = RoleProcess.Start(program, "server", settings, place.Group);
        RoleReady ready = await server.UntilAsync<RoleReady>(Observe, cancellationToken);
        var sites = new List<RoleProcess>();
        try
        {
            foreach ((string token, string name) in tokens)
            {
                sites.Add(RoleProcess.Start(program, name, new SiteSettings(name, Path.Combine(place.Folder, name), ready.Address!, token), place.Group));
            }

            await Task.WhenAll(sites.Select(site => site.UntilAsync<RoleReady>(static _ => { }, cancellationToken)));

            server.Begin();
            RoleBegan began = await server.UntilAsync<RoleBegan>(Observe, cancellationToken);
            Task<JobDone> job = server.UntilAsync<JobDone>(Observe, cancellationToken);
            Task<ModelRead>[] reads = [.. sites.Select(site => site.UntilAsync<ModelRead>(static _ => { }, cancellationToken))];

            // Whoever ends before the job has failed, and the others would wait for it.
            await await Task.WhenAny([Task.WhenAll([job, .. reads]), server.Ended, .. sites.Select(site => site.Ended)]);
            JobDone done = await job;
            long[] peaks = await Task.WhenAll(sites.Select(site => site.EndAsync(cancellationToken)));
            long serverPeak = await server.EndAsync(cancellationToken);
            return Figures(run, began.At, done, [.. names.Select((name, i) => (name, peaks[i], reads[i].Result))], serverPeak, place.Group?.Usage());
        }
        finally
        {
            foreach (RoleProcess site in sites)
            {
                await site.DisposeAsync();
            }
        }
    }

    private Job JobOf(string[] sites) => new()
    {
        Name = "streaming",
        Workflow = "streaming",
        Sites = sites,
        Rounds = 1,
        Precision = new JobPrecision(precision, precision),
        Exchange = Exchange.Weights,
        Streaming = streaming,
        SiteTimeout = TimeSpan.FromMinutes(5),
    };

    private void Observe(RoleEvent happened)
    {
        if (happened is SiteMoved moved)
        {
            _moved[moved.Site] = moved;
            progress(moved.Phase, _moved.Values.Where(site => site.Phase == moved.Phase).Sum(site => site.Done));
        }
        else
        {
            _told.Add(happened);
        }
    }

    private StreamingRun Figures(int run, long start, JobDone done, IReadOnlyList<(string Name, long Peak, ModelRead Read)> sites, long serverPeak, MemoryGroupUsage? memory)
    {
        double Since(long at) => time.GetElapsedTime(start, at).TotalSeconds;
        MessageOffered offered = _told.OfType<MessageOffered>().Single();
        Dictionary<string, ResultArrived> results = _told.OfType<ResultArrived>().ToDictionary(result => result.Site, StringComparer.Ordinal);
        ModelMerged? merged = _told.OfType<ModelMerged>().SingleOrDefault();
        MessageSize size = model.SizeIn(precision);
        return new StreamingRun
        {
            Run = run,
            Precision = precision,
            Streaming = streaming.ToString().ToLowerInvariant(),
            Message = new MessageBytes(offered.Bytes, size.Payload, size.SentMeta, offered.Bytes - size.Payload - size.SentMeta),
            ServerPeakBytes = serverPeak,
            Sites =
            [
                .. sites.Select(site => new SiteFigures(
                    site.Name, site.Peak, Since(site.Read.VerifiedAt), Since(site.Read.ReadAt), results[site.Name].Bytes,
                    done.Results.Single(result => result.Site == site.Name).Digest)),
            ],
            OfferedSeconds = Since(offered.At),
            UploadedSeconds = options.RoundTrip ? Since(results.Values.Max(result => result.At)) : null,
            MergeSeconds = merged is null ? null : time.GetElapsedTime(_told.OfType<MergeBegan>().Single().At, merged.At).TotalSeconds,
            JobSeconds = Since(done.At),
            Memory = memory,
        };
    }
}
