using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Tensors;

namespace Tributary.Federation.Workflows;

/// <summary>What a controller may ask for: the port to stores, sites and the wire.</summary>
public abstract class ControllerContext
{
    /// <summary>The job.</summary>
    public abstract Job Job { get; }

    /// <summary>
    /// The newest global model that is durable: the one the job starts from, round 0, or after a restart the last round's.
    /// </summary>
    public abstract GlobalModel Latest { get; }

    /// <summary>
    /// Sends a model and a task to all sites and waits until the step is closed. Asked again for the same round and step, after a
    /// restart, it answers what was collected.
    /// </summary>
    /// <returns>The results that count, sorted by site.</returns>
    /// <exception cref="JobFailedException">The step cannot be closed; the message names the site and the reason.</exception>
    public abstract Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Makes a round's global model durable. Once it is, saving it again gives what is there and does not ask for the weights.
    /// The model of the round before is closed by it.
    /// </summary>
    public abstract Task<GlobalModel> SaveAsync(int round, Func<TensorSource> weights, CancellationToken cancellationToken);

    /// <summary>Records a global model's held-out loss; the best one is kept.</summary>
    public abstract void RecordLoss(GlobalModel model, double loss);
}

/// <summary>A global model.</summary>
/// <param name="Round">The round that made it; 0 is the initial one.</param>
/// <param name="Weights">Its weights, dense, at the original precision.</param>
public sealed record GlobalModel(int Round, TensorSource Weights);

/// <summary>What a controller asks of the sites.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Round">The round, from 1.</param>
/// <param name="Model">The model to send.</param>
/// <param name="Step">The step within the round, from 0.</param>
public sealed record TaskRequest(string Task, int Round, GlobalModel Model, int Step = 0);

/// <summary>A site's result as a controller sees it.</summary>
/// <param name="Site">The site.</param>
/// <param name="Update">Its update, dense: weights or a change, as <paramref name="Kind"/> says. Null where the task trains nothing.</param>
/// <param name="Kind">What the update is.</param>
/// <param name="Samples">The update's weight.</param>
/// <param name="Metrics">Figures by name; see <see cref="Tasks.MetricNames"/>.</param>
public sealed record SiteResult(string Site, TensorSource? Update, MessageKind Kind, long Samples, IReadOnlyDictionary<string, double> Metrics);

/// <summary>A job that cannot go on. The message names the site or file and says what to do.</summary>
public sealed class JobFailedException : Exception
{
    /// <summary>Makes the error.</summary>
    public JobFailedException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public JobFailedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
