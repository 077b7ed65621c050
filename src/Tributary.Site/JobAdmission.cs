using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Provisioning;

namespace Tributary.Site;

/// <summary>
/// What a site believes of a task: not what the server says of its job, but what an administrator of the project has signed. So a server can
/// neither invent a job, nor change one, nor add a site to it.
/// </summary>
/// <param name="site">The site's name.</param>
/// <param name="trust">What signatures are held against; null where jobs are not signed, as in a simulation.</param>
internal sealed class JobAdmission(string site, ProjectTrust? trust)
{
    /// <summary>The task with the job as it was signed.</summary>
    /// <exception cref="TaskFailedException">The job is not signed by an administrator, or the task is none of it.</exception>
    public TaskDocument Admit(TaskDocument task)
    {
        if (trust is null)
        {
            return task;
        }

        if (task.Signed is not { } signed)
        {
            throw new TaskFailedException($"job '{task.Job.Name}' is not signed, and this site trains for signed jobs only; submit it with 'job submit'");
        }

        JobStatement statement;
        try
        {
            Party submitter = new PartySignature(signed.Statement, signed.Signature, signed.Certificate).Require(JobStatement.MediaType, trust);
            if (submitter.Role != PartyRole.Admin)
            {
                throw new TaskFailedException($"job '{task.Job.Name}' is signed by {submitter}, and only administrators submit jobs");
            }

            statement = JobStatement.Parse(signed.Statement);
        }
        catch (CertificateRefusedException e)
        {
            throw new TaskFailedException($"the signature of job '{task.Job.Name}' is refused: {e.Message}", e);
        }
        catch (JobStatementException e)
        {
            throw new TaskFailedException(e.Message, e);
        }

        Job job = statement.Job;
        return Refuse(task, job) is { } reason ? throw new TaskFailedException(reason) : task with { Job = job };
    }

    private string? Refuse(TaskDocument task, Job job)
    {
        if (job.Name != task.Job.Name)
        {
            return $"the task is of job '{task.Job.Name}', and what was signed is job '{job.Name}'";
        }

        if (!job.Sites.Contains(site, StringComparer.Ordinal))
        {
            return $"job '{job.Name}' as it was signed is not for site '{site}'";
        }

        // After the last round its model is evaluated.
        int last = job.Rounds + (task.Name == TaskNames.Evaluate ? 1 : 0);
        return task.Round < 1 || task.Round > last ? $"job '{job.Name}' as it was signed has {job.Rounds} rounds, and the task is of round {task.Round}" : null;
    }
}
