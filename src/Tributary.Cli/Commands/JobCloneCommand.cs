using System.CommandLine;
using Tributary.Cli.Terminal;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Simulation;

namespace Tributary.Cli.Commands;

/// <summary><c>job clone</c>: submit a job that is at the server once more, under another name, from the same model.</summary>
internal static class JobCloneCommand
{
    private static readonly Argument<string> Job = new("job") { Description = "The job to clone" };
    private static readonly Option<string> Name = new("--name") { Description = "The new job's name", Required = true };
    private static readonly Option<int?> Rounds = new("--rounds") { Description = "Its number of rounds [default: the same]" };
    private static readonly Option<string?> PrecisionName = new("--precision") { Description = "The precision of messages, both ways [default: the same]" };
    private static readonly Option<ulong?> Seed = new("--seed") { Description = "Its seed [default: the same]" };

    public static Command Create()
    {
        var command = new Command("clone", "Submit a job once more under another name, signed by you, from the same model, which is not uploaded again")
        {
            Job, Name, Rounds, PrecisionName, Seed, AdminKit.Folder, AdminKit.Insecure, AdminKit.Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => AdminKit.WithClientAsync(parsed, async client =>
        {
            var statement = JobStatement.Parse((await client.StatementAsync(parsed.GetRequiredValue(Job), cancellationToken)).Statement);
            Job job = statement.Job with
            {
                Name = parsed.GetRequiredValue(Name),
                Rounds = parsed.GetValue(Rounds) is { } rounds ? rounds >= 1 ? rounds : throw new UsageException("--rounds should be at least 1") : statement.Job.Rounds,
                Precision = parsed.GetValue(PrecisionName) is { } precision ? new JobPrecision(Choices.Precision(precision), Choices.Precision(precision)) : statement.Job.Precision,
                Seed = parsed.GetValue(Seed) ?? statement.Job.Seed,
            };
            JobDocument submitted = await client.SubmitAsync(job, statement.Model, cancellationToken);
            JobTable.Print(submitted, parsed.GetValue(AdminKit.Json));
            return 0;
        })));
        return command.WithExamples("job clone quickstart --name quickstart-int8 --precision int8", "job clone quickstart --name again --seed 2 --json");
    }
}
