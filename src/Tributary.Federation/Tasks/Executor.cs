using Tributary.Federation.Jobs;

namespace Tributary.Federation.Tasks;

/// <summary>Does a site's tasks: the port behind which training lies. It sees tensors, never messages, precisions or the wire.</summary>
public abstract class Executor : IDisposable
{
    /// <summary>Does one task. The model it returns may be read until the executor is given its next task.</summary>
    /// <param name="task">The task; its model may be read until this method's task completes, and after it through the model that is returned.</param>
    /// <param name="progress">Told how far the work has come.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="TaskFailedException">The work cannot be done; the message says why and what to do.</exception>
    public abstract Task<TaskResult> ExecuteAsync(TaskData task, IProgress<TaskProgress> progress, CancellationToken cancellationToken);

    /// <summary>Why it cannot do the tasks of a job; null where it can. Asked before anything is fetched, and cheap to ask.</summary>
    public virtual string? Refuse(Job job) => null;

    /// <summary>
    /// Told after each task, done or not, that the model it returned is read no more. The next task may be long in coming: memory that others
    /// need meanwhile is given back here.
    /// </summary>
    public virtual void EndTask()
    {
    }

    /// <summary>Releases what the executor holds.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the executor holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>A task that could not be done for a reason that a person can mend.</summary>
public sealed class TaskFailedException : Exception
{
    /// <summary>Makes the error.</summary>
    public TaskFailedException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public TaskFailedException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Whether the same task may be done when it is tried again, as where a process of the site's was killed.</summary>
    public bool IsTransient { get; init; }
}
