using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Provisioning;
using Tributary.Site;
using Tributary.Site.Rules;

namespace Tributary.Cli.Commands;

/// <summary><c>site jobs</c>, <c>site approve</c> and <c>site refuse</c>: what a person at a site says to jobs.</summary>
internal static class SiteJobsCommand
{
    private static readonly Argument<string> Digest = new("digest") { Description = "The job's digest as 'site jobs' shows it, or at least twelve digits of it" };
    private static readonly Option<string> KitFolder = new("--kit") { Description = "The site's kit; the agent may be running or not", Required = true };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why not. The job's submitter reads it" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command CreateList() => Finish(
        new Command("jobs", "The jobs that came while site.yaml says 'approval: manual': what each asks, and what was said to it") { KitFolder, Json },
        List, "site jobs --kit kits/sites/site-1", "site jobs --kit kits/sites/site-1 --json");

    public static Command CreateApprove() => Finish(
        new Command("approve", "Say yes to a job: to this very one, as it was signed. The agent goes on within seconds, and an answer outlives it") { Digest, KitFolder, Json },
        parsed => Answer(parsed, isApproved: true), "site approve 4f2a9c01d7be --kit kits/sites/site-1");

    public static Command CreateRefuse() => Finish(
        new Command("refuse", "Say no to a job, also to one that was approved: the site does no more of its tasks. One that has begun is done") { Digest, Reason, KitFolder, Json },
        parsed => Answer(parsed, isApproved: false), "site refuse 4f2a9c01d7be --reason \"no consent for this study\" --kit kits/sites/site-1");

    private static Command Finish(Command command, Func<ParseResult, int> verb, params string[] examples)
    {
        command.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(verb(parsed))));
        return command.WithExamples(examples);
    }

    private static int List(ParseResult parsed)
    {
        (SiteFile site, IReadOnlyList<JobApproval> jobs) = Read(parsed, approvals => approvals.List());
        if (parsed.GetValue(Json))
        {
            Print(jobs.Select(Document));
            return 0;
        }

        if (!site.Options.Rules.NeedsApproval)
        {
            Console.Out.WriteLine("site.yaml does not say 'approval: manual', so this site takes jobs without asking anybody");
        }

        if (jobs.Count == 0)
        {
            Console.Out.WriteLine("no job has come that somebody had to approve");
        }

        foreach (JobApproval job in jobs)
        {
            Console.Out.WriteLine(Describe(job));
        }

        return 0;
    }

    private static int Answer(ParseResult parsed, bool isApproved)
    {
        (_, JobApproval answered) = Read(parsed, approvals =>
        {
            JobApproval job = approvals.Find(parsed.GetRequiredValue(Digest));
            var answer = new ApprovalAnswer(isApproved, isApproved ? null : parsed.GetValue(Reason), Environment.UserName, TimeProvider.System.GetUtcNow());
            approvals.Answer(job, answer);
            return job with { Answer = answer };
        });
        if (parsed.GetValue(Json))
        {
            Print(Document(answered));
        }
        else
        {
            Console.Out.WriteLine(Describe(answered));
        }

        return 0;
    }

    private static (SiteFile Site, T Found) Read<T>(ParseResult parsed, Func<JobApprovals, T> ask)
    {
        using var kit = Kit.Load(parsed.GetRequiredValue(KitFolder), PartyRole.Site, TimeProvider.System);
        SiteFile site = SiteFile.Read(kit, TimeProvider.System);
        return (site, ask(new JobApprovals(site.Options.Folder)));
    }

    private static void Print<T>(T document) => Console.Out.WriteLine(JsonSerializer.Serialize(document, JobTable.Json));

    private static string StateOf(JobApproval job) => job.Answer switch
    {
        null => "waiting",
        { IsApproved: true } => "approved",
        _ => "refused",
    };

    private static object Document(JobApproval job) => new
    {
        job.Statement.Job.Name,
        job.Digest,
        State = StateOf(job),
        job.Submitter,
        job.Statement.Submitted,
        job.Asked,
        job.Answer,
        job.Statement.Model,
        job.Statement.Job,
    };

    private static string Describe(JobApproval approval)
    {
        Federation.Jobs.Job job = approval.Statement.Job;
        Federation.Jobs.InitialModel model = approval.Statement.Model;
        string answer = approval.Answer is not { } said ? string.Empty
            : $" by {said.By} at {Time(said.Time)}{(said.Reason is { } reason ? $": {reason}" : string.Empty)}";
        string options = job.Train.Options.Count == 0 ? string.Empty : $" with {string.Join(", ", job.Train.Options.Select(option => $"{option.Key}={option.Value.GetRawText()}"))}";
        string adapters = job.Train.Lora is null ? string.Empty : ", adapters only";
        string[] lines =
        [
            $"{StateOf(approval)}{answer}",
            $"  job        {job.Name}",
            $"  digest     {approval.Digest}",
            $"  submitter  {approval.Submitter}, {Time(approval.Statement.Submitted)}; came here {Time(approval.Asked)}",
            $"  model      {model.Name}, {model.Parameters.ToString("N0", CultureInfo.InvariantCulture)} parameters{adapters}",
            $"  asks       {job.Rounds} rounds of {job.Workflow}, {job.Exchange.ToString().ToLowerInvariant()} in {job.Precision.Task} down and {job.Precision.Result} up",
            $"  trainer    {job.Train.Trainer}{options}",
            $"  sites      {string.Join(", ", job.Sites)}",
        ];
        return string.Join(Environment.NewLine, lines.Select(Plain));
    }

    /// <summary>A job's texts are its submitter's: none of them may move the cursor of the terminal on which a person decides.</summary>
    private static string Plain(string text) => string.Concat(text.Select(letter => char.IsControl(letter) ? '?' : letter));

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
