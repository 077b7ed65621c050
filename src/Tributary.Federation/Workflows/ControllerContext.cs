using Tributary.Federation.Aggregation;
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

    /// <summary>Whether a round may run. One that would break the job's privacy budget may not, and then there is no other after it: the job ends with the model of the round before.</summary>
    public virtual bool BeginRound(int round) => true;

    /// <summary>One update of a round's many, with what the job's privacy does to it.</summary>
    /// <param name="round">The round.</param>
    /// <param name="results">Its results, each with an update where the server may see it.</param>
    /// <param name="cancellationToken">Ends a pass that chooses.</param>
    public virtual TensorSource Reduce(int round, IReadOnlyList<SiteResult> results, CancellationToken cancellationToken) =>
        ServerUpdate.Reduce(Job.Aggregation, results, cancellationToken);

    /// <summary>
    /// Sends a model and a task to sites and waits until the step is closed. Asked again for the same round and step, after a
    /// restart, it answers what was collected.
    /// </summary>
    /// <returns>The results that count, sorted by site; their updates can be read until the round's model is given to be saved, and by what saves it.</returns>
    /// <exception cref="JobFailedException">The step cannot be closed; the message names the sites and the reasons.</exception>
    public abstract Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Offers a model and a task to sites and waits until so many results are there, of this step or of earlier ones whose sites were slower;
    /// each is given once. The step stays open for those who still work on it. Asked again for the same round it answers what was collected.
    /// </summary>
    /// <returns>
    /// The results, sorted by the round they belong to and by site; their updates can be read until the round's model is given to be saved, and by
    /// what saves it.
    /// </returns>
    /// <exception cref="JobFailedException">Too few sites are left; the message names the others and the reasons.</exception>
    public abstract Task<IReadOnlyList<SiteResult>> BufferAsync(TaskRequest request, int size, CancellationToken cancellationToken);

    /// <summary>
    /// Makes tensors durable beside a round's model, such as a server optimizer's state. Once they are, keeping them again gives what is there
    /// and does not ask for the source. They can be read until the next round's model is saved.
    /// </summary>
    /// <param name="round">The round they belong to.</param>
    /// <param name="name">Their name: small letters, digits and hyphens.</param>
    /// <param name="source">What to write, dense.</param>
    /// <param name="cancellationToken">Ends the writing; nothing is kept then.</param>
    public abstract Task<TensorSource> KeepAsync(int round, string name, Func<TensorSource> source, CancellationToken cancellationToken);

    /// <summary>What was kept beside a round's model under a name; null where nothing was.</summary>
    public abstract TensorSource? FindKept(int round, string name);

    /// <summary>
    /// Makes a round's global model. It can be broadcast at once, while it is still being merged and written: a tile that is not there yet is waited
    /// for. It is durable before a result that was made of it counts, and before the job ends. Saving it again, after a restart, gives what is there
    /// and does not ask for the weights. Once it is durable the results that it was made of and the model of the round before are closed.
    /// </summary>
    /// <exception cref="JobFailedException">It cannot be begun; where its merge fails later, the job's next step, or its end, says so.</exception>
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
public sealed record TaskRequest(string Task, int Round, GlobalModel Model, int Step = 0)
{
    /// <summary>The sites it is for; null for all of the job's.</summary>
    public IReadOnlyList<string>? Sites { get; init; }

    /// <summary>How many of their results have to count; null for what the job says.</summary>
    public int? MinSites { get; init; }

    /// <summary>What each site is told beside the model, by its name; null for nothing.</summary>
    public IReadOnlyDictionary<string, string>? Notes { get; init; }
}

/// <summary>A site's result as a controller sees it.</summary>
/// <param name="Site">The site.</param>
/// <param name="Update">Its update, dense: weights or a change, as <paramref name="Kind"/> says. Null where the task trains nothing.</param>
/// <param name="Kind">What the update is.</param>
/// <param name="Samples">The update's weight.</param>
/// <param name="Metrics">Figures by name; see <see cref="Tasks.MetricNames"/>.</param>
/// <param name="Round">The round whose task it answers.</param>
public sealed record SiteResult(string Site, TensorSource? Update, MessageKind Kind, long Samples, IReadOnlyDictionary<string, double> Metrics, int Round)
{
    /// <summary>What it says beside the figures; null for nothing.</summary>
    public string? Answer { get; init; }
}

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
