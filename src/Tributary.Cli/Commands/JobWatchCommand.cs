using System.CommandLine;
using Tributary.Cli.Terminal;
using Tributary.Federation.Wire;

namespace Tributary.Cli.Commands;

/// <summary><c>job watch</c>: follow a job until it has ended.</summary>
internal static class JobWatchCommand
{
    private static readonly Argument<string> Job = new("job") { Description = "The job's name" };

    public static Command Create()
    {
        var command = new Command("watch", "Follow a job until it has ended. Exit code 0: finished; 1: failed or ended by somebody") { Job, AdminKit.Folder, AdminKit.Insecure, AdminKit.Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => AdminKit.WithClientAsync(parsed, async client =>
        {
            JobDocument ended = await JobFollower.FollowAsync(client, parsed.GetRequiredValue(Job), cancellationToken);
            JobTable.Print(ended, parsed.GetValue(AdminKit.Json));
            return JobFollower.Code(ended);
        })));
        return command.WithExamples("job watch quickstart", "job watch quickstart --json");
    }
}
