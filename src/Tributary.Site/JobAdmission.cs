using Microsoft.Extensions.Logging;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Site.Privacy;
using Tributary.Site.Rules;

namespace Tributary.Site;

/// <summary>
/// What a site believes of a task: not what the server says of its job, but what an administrator of the project has signed. So a server can
/// neither invent a job, nor change one, nor add a site to it. And what the site's own rules say of such a job.
/// </summary>
internal sealed partial class JobAdmission
{
    private readonly SiteOptions _options;
    private readonly Executor _executor;
    private readonly TimeProvider _time;
    private readonly JobApprovals? _approvals;

    /// <param name="options">The site's name, its rules, and what signatures are held against; nothing where jobs are not signed, as in a simulation.</param>
    /// <param name="executor">What would do the task.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentException">There are rules that can be kept only where jobs are signed.</exception>
    public JobAdmission(SiteOptions options, Executor executor, TimeProvider time)
    {
        if (options.Trust is null && options.Rules.NeedSignatures)
        {
            throw new ArgumentException("rules about jobs can be kept only where jobs are signed; give the site a kit, or Trust");
        }

        (_options, _executor, _time) = (options, executor, time);
        _approvals = options.Rules.NeedsApproval ? new JobApprovals(options.Folder) : null;
    }

    /// <summary>The task with the job as it was signed, and what it has to wait for.</summary>
    /// <exception cref="TaskFailedException">The job is not signed by an administrator, the task is none of it, or the site does not take it.</exception>
    /// <exception cref="IOException">What a person is asked, or has answered, cannot be written or read.</exception>
    public Admission Admit(TaskDocument task)
    {
        if (_options.Trust is not { } trust)
        {
            return Refuse(task.Job) is { } unfit ? throw new TaskFailedException(unfit) : new Admission(task, Closed());
        }

        SignedJobDocument signed = task.Signed
            ?? throw new TaskFailedException($"job '{task.Job.Name}' is not signed, and this site trains for signed jobs only; submit it with 'job submit'");
        (JobStatement statement, Party submitter) = Open(signed, task.Job.Name, trust);
        return (Refuse(task, statement.Job) ?? _options.Rules.Refuse(statement, submitter) ?? Refuse(statement.Job)) is { } reason
            ? throw new TaskFailedException(reason)
            : new Admission(task with { Job = statement.Job }, Unanswered(signed, statement, submitter) ?? Closed());
    }

    private static (JobStatement Statement, Party Submitter) Open(SignedJobDocument signed, string job, ProjectTrust trust)
    {
        try
        {
            Party submitter = new PartySignature(signed.Statement, signed.Signature, signed.Certificate).Require(JobStatement.MediaType, trust);
            return submitter.Role == PartyRole.Admin
                ? (JobStatement.Parse(signed.Statement), submitter)
                : throw new TaskFailedException($"job '{job}' is signed by {submitter}, and only administrators submit jobs");
        }
        catch (CertificateRefusedException e)
        {
            throw new TaskFailedException($"the signature of job '{job}' is refused: {e.Message}", e);
        }
        catch (JobStatementException e)
        {
            throw new TaskFailedException(e.Message, e);
        }
    }

    private string? Refuse(TaskDocument task, Job job)
    {
        if (job.Name != task.Job.Name)
        {
            return $"the task is of job '{task.Job.Name}', and what was signed is job '{job.Name}'";
        }

        if (!job.Sites.Contains(_options.Name, StringComparer.Ordinal))
        {
            return $"job '{job.Name}' as it was signed is not for site '{_options.Name}'";
        }

        // After the last round its model is evaluated.
        int last = job.Rounds + (task.Name == TaskNames.Evaluate ? 1 : 0);
        return task.Round < 1 || task.Round > last ? $"job '{job.Name}' as it was signed has {job.Rounds} rounds, and the task is of round {task.Round}" : null;
    }

    private string? Refuse(Job job) => SitePrivacy.Refuse(job, _options.Rules.Privacy) ?? job.Refuse() ?? _executor.Refuse(job);

    /// <summary>What to say while a person has not answered; null where the answer is yes, or none is needed.</summary>
    private TaskProgress? Unanswered(SignedJobDocument signed, JobStatement statement, Party submitter)
    {
        if (_approvals is null)
        {
            return null;
        }

        string digest = JobStatement.DigestOf(signed.Statement);
        switch (_approvals.AnswerTo(digest))
        {
            case { IsApproved: true }:
                return null;
            case { } refused:
                throw new TaskFailedException($"job '{statement.Job.Name}' was refused at site '{_options.Name}'{(refused.Reason is { } reason ? $": {reason}" : string.Empty)}");
            default:
                if (_approvals.Ask(signed, submitter, _time.GetUtcNow()))
                {
                    LogAsked(_options.Logger, statement.Job.Name, submitter, digest);
                }

                return new TaskProgress(TaskPhase.AwaitingApproval, Note: $"a person at the site has to approve the job, {digest}");
        }
    }

    private TaskProgress? Closed() => _options.Rules.Hours is { } hours && !hours.IsOpen(_time.GetUtcNow())
        ? new TaskProgress(TaskPhase.Waiting, Note: $"the site takes tasks from {hours}, so none before {hours.Opening}")
        : null;

    [LoggerMessage(Level = LogLevel.Warning, Message = "job '{Job}' of {Submitter} waits for a person's approval: look at it with 'tributary site jobs', then 'tributary site approve {Digest}' or 'site refuse'")]
    private static partial void LogAsked(ILogger logger, string job, Party submitter, string digest);
}

/// <summary>A task that a site takes, with the job as it was signed.</summary>
/// <param name="Task">The task.</param>
/// <param name="Wait">What the server is told while it may not begin; null where it may.</param>
internal sealed record Admission(TaskDocument Task, TaskProgress? Wait);
