using Tributary.Federation.Rounds;
using Tributary.Server;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Simulation.Experiments.Roles;

/// <summary>The server of an experiment: runs one job, and stays until it is told to end.</summary>
internal static class ServerRole
{
    public static async Task RunAsync(ServerSettings settings, RoleConsole console, TimeProvider time)
    {
        using Checkpoint model = Checkpoint.Open(settings.Model);
        var options = new ServerOptions { Folder = settings.Folder, Port = settings.Port, SiteByToken = settings.SiteByToken };
        await using TributaryServer server = await TributaryServer.StartAsync(options, time, static _ => { }, console.End);
        console.Tell(new RoleReady(server.Address));

        await console.BeginAsync();
        console.Tell(new RoleBegan(time.GetTimestamp()));
        JobRecord record = await server.RunJobAsync(
            settings.Job, new ExchangeWorkflow(settings.RoundTrip), model, happened => Relay(happened, console, time.GetTimestamp()), console.End);
        long end = time.GetTimestamp();
        console.Tell(new JobDone(
            end,
            record.Models[^1].Round > 0 ? record.LastModel : null,
            [.. record.Results.Select(result => new ResultDigest(result.Round, result.Site, result.Digest))],
            [.. record.Steps.Select(step => step.EncodeSeconds)]));
        await console.EndAsync();
    }

    private static void Relay(JobEvent happened, RoleConsole console, long at)
    {
        RoleEvent? told = happened switch
        {
            StepOpened step => new MessageOffered(step.Round, step.MessageBytes, at),
            SiteProgressed site => new SiteMoved(site.Round, site.Site, site.Progress.Phase, site.Progress.Done, site.Progress.Total),
            ResultCounted result => new ResultArrived(result.Round, result.Site, result.BytesUp, at),
            MergeStarted merge => new MergeBegan(merge.Round, at, ProcessDisk.ReadBytes()),
            ModelSaved model => new ModelMerged(model.Round, at, ProcessDisk.ReadBytes()),
            _ => null,
        };
        if (told is not null)
        {
            console.Tell(told);
        }
    }
}
