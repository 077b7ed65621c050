using System.Security.Cryptography;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;
using Tributary.TestKit;
using Tributary.Transport;

namespace Tributary.EndToEnd.Streaming;

/// <summary>
/// One round of one job between a server and a site, processes of their own, over a proxy that does harm: the model goes to the site, comes
/// back changed, and is merged. Each process can be killed and started again on its folder.
/// </summary>
internal sealed class FaultyRun : IAsyncDisposable
{
    private readonly string _folder;
    private readonly ServerSettings _serverSettings;
    private readonly ProgressRule? _progress;

    private FaultyRun(FaultModel model, string precision, ProgressRule? progress, ProgramCommand program)
    {
        var job = new Job { Name = "faults", Sites = ["a"], Rounds = 1, Precision = new JobPrecision(precision, precision), Exchange = Exchange.Weights };
        _folder = model.RunFolder();
        _progress = progress;
        _serverSettings = new ServerSettings(job, RoundTrip: true, model.Path, Path.Combine(_folder, "server"), 0, new Dictionary<string, string> { ["token"] = "a" });
        Server = RoleProcess.Start(program, "server", _serverSettings, null);
    }

    /// <summary>The wire, in front of the server.</summary>
    public FaultyProxy Proxy { get; private set; } = null!;

    public RoleProcess Server { get; private set; }

    public RoleProcess? Site { get; private set; }

    /// <summary>How often the site's executor did its task.</summary>
    public int TimesRead { get; private set; }

    /// <summary>The files of the message that the server makes.</summary>
    public string MessageFolder => Path.Combine(_serverSettings.Folder, "jobs", "faults", "messages");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Starts the server, which waits.</summary>
    /// <param name="model">The model.</param>
    /// <param name="precision">The precision both ways.</param>
    /// <param name="progress">When the site gives a transfer up; null for the usual.</param>
    /// <param name="program">How the first server is started; null for the usual.</param>
    public static async Task<FaultyRun> StartAsync(FaultModel model, string precision, ProgressRule? progress = null, ProgramCommand? program = null)
    {
        var run = new FaultyRun(model, precision, progress, program ?? StreamingModel.Program);
        run.Proxy = new FaultyProxy((await run.Server.UntilAsync<RoleReady>(static _ => { }, Cancelled)).Address!);
        return run;
    }

    /// <summary>Starts the site, and the job once the site asks for a task: it is there from the first byte of the message on.</summary>
    public async Task BeginAsync()
    {
        Task asking = Proxy.HoldAt(ProxyDirection.Up, 1);
        StartSite();
        await ReachAsync(asking);
        Proxy.LetGo(ProxyDirection.Up);
        Server.Begin();
    }

    public void StartSite() =>
        Site = RoleProcess.Start(StreamingModel.Program, "a", new SiteSettings("a", Path.Combine(_folder, "a"), Proxy.Address, "token", _progress), null);

    /// <summary>Waits for a place on the wire; a process that ends before is the reason why it is not reached.</summary>
    public async Task ReachAsync(Task place)
    {
        Task<long> first = await Task.WhenAny(place.ContinueWith(static _ => 0L, TaskScheduler.Default), Server.Ended, Site!.Ended).WaitAsync(Cancelled);
        await first;
        place.IsCompleted.ShouldBeTrue();
    }

    public async Task KillSiteAsync()
    {
        Site!.Kill();
        await Site.DisposeAsync();
        CountReads(Site);
    }

    public async Task KillServerAsync()
    {
        Server.Kill();
        await Server.DisposeAsync();
    }

    /// <summary>Starts the server again on its folder and port, and its job.</summary>
    public void StartServer()
    {
        Server = RoleProcess.Start(StreamingModel.Program, "server", _serverSettings with { Port = Proxy.Target.Port }, null);
        Server.Begin();
    }

    /// <summary>Waits for the job's end, and tells what is there at both ends.</summary>
    public async Task<Arrived> FinishAsync()
    {
        Task<JobDone> ending = Server.UntilAsync<JobDone>(static _ => { }, Cancelled);
        await ReachAsync(ending);
        JobDone done = await ending;
        await Site!.EndAsync(Cancelled);
        CountReads(Site);
        await Server.EndAsync(Cancelled);
        string message = Directory.GetFiles(Path.Combine(_folder, "a"), "message-*.safetensors").ShouldHaveSingleItem();
        return new Arrived(new FileInfo(message).Length, await DigestAsync(message), await DigestAsync(done.Model!));
    }

    public async ValueTask DisposeAsync()
    {
        await (Site?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Server.DisposeAsync();
        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<string> DigestAsync(string path)
    {
        await using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, Cancelled));
    }

    private void CountReads(RoleProcess site)
    {
        while (site.Events.TryRead(out RoleEvent? happened))
        {
            TimesRead += happened is ModelRead ? 1 : 0;
        }
    }
}

/// <summary>What is there after a run.</summary>
/// <param name="MessageBytes">The length of the message to the site, in bytes; the one back is as long.</param>
/// <param name="Message">The SHA-256 of what the site received.</param>
/// <param name="Model">The SHA-256 of the model that the server made of what the site sent.</param>
internal sealed record Arrived(long MessageBytes, string Message, string Model);
