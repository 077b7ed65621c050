using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Client;
using Tributary.Federation.Wire;

namespace Tributary.Cli.Commands;

/// <summary><c>job</c>: jobs at a server, as an administrator submits and follows them.</summary>
internal static class JobCommand
{
    private static readonly Argument<string> Job = new("job") { Description = "The job's name" };
    private static readonly Option<bool> Best = new("--best") { Description = "The model with the lowest held-out loss, instead of the last one" };
    private static readonly Option<FileInfo?> Out = new("--out") { Description = "The file to write [default: JOB.safetensors, or JOB-best.safetensors]" };
    private static readonly Option<bool> Follow = new("--follow") { Description = "Go on until the job has ended" };

    public static Command Create()
    {
        var command = new Command("job", "Jobs at a server: submit them, follow them, end them, fetch what came of them")
        {
            JobSubmitCommand.Create(),
            Plain("list", "The jobs at the server, the newest first", ListAsync, "job list", "job list --json"),
            Named("show", "A job as it stands: its rounds, losses, sites and bytes", (client, job, parsed, cancellationToken) => ShowAsync(parsed, client.GetAsync(job, cancellationToken)), "job show quickstart", "job show quickstart --json"),
            JobWatchCommand.Create(),
            Named("logs", "What happened to a job, in order", LogsAsync, [Follow], "job logs quickstart", "job logs quickstart --follow --json"),
            Named("abort", "End a job; it can be resumed", (client, job, parsed, cancellationToken) => ShowAsync(parsed, client.AbortAsync(job, cancellationToken)), "job abort quickstart"),
            Named("resume", "Go on with a job that failed or was ended, from the last round that is durable", (client, job, parsed, cancellationToken) => ShowAsync(parsed, client.ResumeAsync(job, cancellationToken)), "job resume quickstart"),
            JobCloneCommand.Create(),
            Named("download", "Fetch a job's last or best global model: fp32 weights, as safetensors", DownloadAsync, [Best, Out], "job download quickstart --best", "job download quickstart --out model.safetensors --json"),
            Named("delete", "Remove a job that has ended, with its models", DeleteAsync, "job delete quickstart"),
        };
        return command.WithExamples("job submit job.yaml --kit kits/admins/alice --watch", "job list --kit kits/admins/alice");
    }

    private static Command Plain(string name, string description, Func<JobClient, ParseResult, CancellationToken, Task<int>> verb, params string[] examples) =>
        Finish(new Command(name, description), verb, examples);

    private static Command Named(string name, string description, Func<JobClient, string, ParseResult, CancellationToken, Task<int>> verb, params string[] examples) =>
        Named(name, description, verb, [], examples);

    private static Command Named(string name, string description, Func<JobClient, string, ParseResult, CancellationToken, Task<int>> verb, Option[] options, params string[] examples)
    {
        var command = new Command(name, description) { Job };
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }

        return Finish(command, (client, parsed, cancellationToken) => verb(client, parsed.GetRequiredValue(Job), parsed, cancellationToken), examples);
    }

    private static Command Finish(Command command, Func<JobClient, ParseResult, CancellationToken, Task<int>> verb, string[] examples)
    {
        command.Options.Add(AdminKit.Folder);
        command.Options.Add(AdminKit.Insecure);
        command.Options.Add(AdminKit.Json);
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => AdminKit.WithClientAsync(parsed, client => verb(client, parsed, cancellationToken))));
        return command.WithExamples(examples);
    }

    private static async Task<int> ListAsync(JobClient client, ParseResult parsed, CancellationToken cancellationToken)
    {
        IReadOnlyList<JobLineDocument> jobs = await client.ListAsync(cancellationToken);
        if (parsed.GetValue(AdminKit.Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(jobs, JobTable.Json));
        }
        else
        {
            JobTable.Print(jobs);
        }

        return 0;
    }

    private static async Task<int> ShowAsync(ParseResult parsed, Task<JobDocument> asked)
    {
        JobTable.Print(await asked, parsed.GetValue(AdminKit.Json));
        return 0;
    }

    private static async Task<int> LogsAsync(JobClient client, string job, ParseResult parsed, CancellationToken cancellationToken)
    {
        long after = 0;
        while (true)
        {
            // Looked at before the events: what comes between the two is fetched below.
            bool hasEnded = (await client.GetAsync(job, cancellationToken)).Line.State >= JobState.Finished;
            bool waits = parsed.GetValue(Follow) && !hasEnded;
            IReadOnlyList<EventDocument> events = await client.EventsAsync(job, after, waits ? JobFollower.Wait : TimeSpan.Zero, cancellationToken);
            foreach (EventDocument happened in events)
            {
                Console.Out.WriteLine(parsed.GetValue(AdminKit.Json) ? JsonSerializer.Serialize(happened, JobJson.Default.EventDocument) : JobTable.Line(happened));
                after = happened.Number;
            }

            if (events.Count == 0 && !waits)
            {
                return 0;
            }
        }
    }

    private static async Task<int> DownloadAsync(JobClient client, string job, ParseResult parsed, CancellationToken cancellationToken)
    {
        bool best = parsed.GetValue(Best);
        string path = parsed.GetValue(Out)?.FullName ?? Path.GetFullPath($"{job}{(best ? "-best" : string.Empty)}.safetensors");
        using (var bytes = new ByteProgress())
        {
            await client.DownloadModelAsync(job, best, path, new TransferBytes(bytes), cancellationToken);
        }

        Console.Out.WriteLine(parsed.GetValue(AdminKit.Json) ? JsonSerializer.Serialize(new { job, best, path, bytes = new FileInfo(path).Length }, Output.Json) : path);
        return 0;
    }

    private static async Task<int> DeleteAsync(JobClient client, string job, ParseResult parsed, CancellationToken cancellationToken)
    {
        await client.DeleteAsync(job, cancellationToken);
        Console.Out.WriteLine(parsed.GetValue(AdminKit.Json) ? JsonSerializer.Serialize(new { deleted = job }, Output.Json) : $"{job} is deleted");
        return 0;
    }
}
