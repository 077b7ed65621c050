using System.CommandLine;
using Tributary.Cli.Terminal;
using Tributary.Client;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Simulation;
using Tributary.Simulation.Sensitivity;

namespace Tributary.Cli.Commands;

/// <summary><c>job submit</c>: sign a job, hand it to the server, and upload the model that it starts from.</summary>
internal static class JobSubmitCommand
{
    private static readonly Argument<FileInfo> JobPath = new("file") { Description = "The job file (YAML). Where it says what data and trainers sites have, that is for 'simulate' and not looked at" };
    private static readonly Option<string?> Name = new("--name") { Description = "The job's name [default: 'name' in the job file]" };
    private static readonly Option<DirectoryInfo?> Model = new("--model") { Description = "The checkpoint folder of the model to start from [default: 'model' in the job file]" };
    private static readonly Option<bool> Watch = new("--watch") { Description = "Follow the job until it has ended; the exit code is that of 'job watch'" };

    public static Command Create()
    {
        var command = new Command("submit", "Sign a job and submit it, with the model that it starts from. The same command again changes nothing, and goes on with an upload that was cut short")
        {
            JobPath, Name, Model, Watch, AdminKit.Folder, AdminKit.Insecure, AdminKit.Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples(
            "job submit samples/quickstart/job.yaml --kit kits/admins/alice", "job submit job.yaml --watch", "job submit job.yaml --name second-try --model models/llama --json");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FileInfo path = parsed.GetRequiredValue(JobPath);
        if (!path.Exists)
        {
            throw new UsageException($"{path}: there is no such job file");
        }

        JobFile file = SensitivityFile.Apply(JobFile.ParseSubmitted(await File.ReadAllTextAsync(path.FullName, cancellationToken), path.ToString()), path.DirectoryName!);
        string folder = parsed.GetValue(Model)?.FullName ?? (file.Model is null ? null : Path.Combine(path.DirectoryName!, file.Model))
            ?? throw new UsageException($"{path}: names no model; add 'model: FOLDER' or give --model");
        Job job = parsed.GetValue(Name) is { } name ? file.Job with { Name = name } : file.Job;
        using var model = ExchangedModel.Open(folder, job, job.Train.Trainer == TrainerOffer.Builtin, holdsBase: false);
        return await AdminKit.WithClientAsync(parsed, client => SubmitAsync(parsed, client, model, cancellationToken));
    }

    private static async Task<int> SubmitAsync(ParseResult parsed, JobClient client, ExchangedModel model, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(AdminKit.Json);
        string scratch = Directory.CreateTempSubdirectory("tributary-submit-").FullName;
        JobDocument submitted;
        try
        {
            using var bytes = new ByteProgress();
            submitted = await client.SubmitAsync(
                model.Job, model.Summary.Name, model.Initial(Path.Combine(scratch, "adapters.safetensors"), cancellationToken), new TransferBytes(bytes), cancellationToken);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }

        if (parsed.GetValue(Watch))
        {
            JobDocument ended = await JobFollower.FollowAsync(client, submitted.Line.Name, cancellationToken);
            JobTable.Print(ended, json);
            return JobFollower.Code(ended);
        }

        if (json)
        {
            JobTable.Print(submitted, json);
        }
        else
        {
            string name = submitted.Line.Name;
            string waits = submitted.Line.Reason is { } reason ? $" ({reason})" : string.Empty;
            Console.Out.WriteLine($"{name} is {submitted.Line.State.ToString().ToLowerInvariant()}{waits}\n{submitted.Digest}\nfollow it with 'tributary job watch {name}'");
        }

        return 0;
    }
}
