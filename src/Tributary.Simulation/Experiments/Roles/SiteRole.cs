using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Workflows;
using Tributary.Site;
using Tributary.Transport;

namespace Tributary.Simulation.Experiments.Roles;

/// <summary>A site of an experiment: does the server's tasks until it is told to end.</summary>
internal static class SiteRole
{
    public static async Task RunAsync(SiteSettings settings, RoleConsole console, TimeProvider time)
    {
        using var executor = new NoisyExecutor(settings, time, console.Tell);
        var transfers = new TransferOptions();
        var options = new SiteOptions
        {
            Name = settings.Name,
            Folder = settings.Folder,
            Server = settings.Server,
            Token = settings.Token,
            Transfers = transfers with { Progress = settings.Progress ?? transfers.Progress },
        };
        var jitter = new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(settings.Name))));
        using var agent = new SiteAgent(options, executor, time, jitter);
        console.Tell(new RoleReady(null));
        try
        {
            await agent.RunAsync(console.End);
        }
        catch (OperationCanceledException) when (console.End.IsCancellationRequested)
        {
            // A site's work has no end of its own.
        }
        catch (Exception e) when (e is HttpRequestException or TransferException)
        {
            throw new JobFailedException($"site '{settings.Name}' stopped: {e.Message}", e);
        }
    }
}
