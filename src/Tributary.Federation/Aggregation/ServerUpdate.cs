using Tributary.Federation.Aggregation.Optimizers;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Workflows;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// From a round's results to the next global model, as the job says: its reducer makes one update of many, and its server optimizer, if it
/// has one, a step of that. What the optimizer has to remember is kept in files of the round.
/// </summary>
public static class ServerUpdate
{
    /// <summary>The name under which the mean change is kept in a round whose optimizer reads it more than once.</summary>
    private const string Change = "mean-change";

    /// <summary>Makes the next global model and saves it. What a crash leaves behind is used when it is called again.</summary>
    /// <param name="context">The job, and where files are kept.</param>
    /// <param name="round">The round that ends.</param>
    /// <param name="received">The model that the sites were sent.</param>
    /// <param name="results">Their results, each with an update.</param>
    /// <param name="cancellationToken">Ends the work; nothing half-written counts.</param>
    /// <exception cref="JobFailedException">There are too few updates for the job's reducer, or a state of the optimizer is gone.</exception>
    /// <exception cref="TensorFormatException">The updates do not hold the same tensors, or values that are not finite.</exception>
    public static async Task<GlobalModel> SaveAsync(
        ControllerContext context, int round, GlobalModel received, IReadOnlyList<SiteResult> results, CancellationToken cancellationToken)
    {
        Job job = context.Job;
        if (job.Aggregation.Refuse(results.Count) is { } refusal)
        {
            throw new JobFailedException($"round {round}: {refusal.Reason}");
        }

        TensorSource Reduced() => context.Reduce(round, results, cancellationToken);
        bool isChange = results[0].Kind == MessageKind.Delta;
        if (job.ServerOptimizer is not { } settings)
        {
            return await context.SaveAsync(
                round, () => isChange ? new AppliedDelta(received.Weights, Reduced(), isPartial: job.Train.Freeze is not null) : TrainedTensors.Put(received.Weights, Reduced()), cancellationToken);
        }

        TensorSource trained = TrainedTensors.Of(received.Weights, job.Train);

        var optimizer = ServerOptimizer.Create(settings);
        Func<TensorSource> change = () => isChange ? Reduced() : new DeltaSource(Reduced(), trained);
        if (optimizer.StepReadsChange || optimizer.States.Count > 1)
        {
            // Merging the updates once and reading the file after that costs less than merging them for each state.
            TensorSource kept = await context.KeepAsync(round, Change, change, cancellationToken);
            change = () => kept;
        }

        var states = new TensorSource[optimizer.States.Count];
        for (int i = 0; i < states.Length; i++)
        {
            (int state, string name) = (i, optimizer.States[i]);
            TensorSource? previous = received.Round == 0 ? null : context.FindKept(received.Round, name) ?? throw Gone(received.Round, name);
            states[i] = await context.KeepAsync(round, name, () => optimizer.NextState(state, change(), previous), cancellationToken);
        }

        return await context.SaveAsync(
            round, () => TrainedTensors.Put(received.Weights, optimizer.NextWeights(trained, optimizer.StepReadsChange ? change() : null, states)), cancellationToken);
    }

    /// <summary>One update of many, in the order of their sites, whatever the order of the results. Krum reads them all to choose; else nothing is read yet.</summary>
    /// <param name="aggregation">How.</param>
    /// <param name="results">The results, each with an update.</param>
    /// <param name="cancellationToken">Ends a pass that chooses.</param>
    public static TensorSource Reduce(JobAggregation aggregation, IReadOnlyList<SiteResult> results, CancellationToken cancellationToken)
    {
        SiteResult[] sorted = [.. results.OrderBy(result => result.Site, StringComparer.Ordinal)];
        TensorSource[] updates = [.. sorted.Select(result => result.Update!)];
        return aggregation.Reducer switch
        {
            Reducer.Mean when aggregation.Weights == UpdateWeights.Uniform => new WeightedMean([.. updates.Select(update => (update, 1.0))]),
            Reducer.Mean => new WeightedMean([.. sorted.Select(result => (result.Update!, (double)result.Samples))]),
            Reducer.Median => new CoordinateMedian(updates),
            Reducer.TrimmedMean => new TrimmedMean(updates, aggregation.Trim),
            Reducer.Krum => Krum.Mean(updates, aggregation.Byzantine, aggregation.Keep, cancellationToken),
            _ => throw new ArgumentOutOfRangeException(nameof(aggregation)),
        };
    }

    private static JobFailedException Gone(int round, string state) => new(
        $"the server optimizer's '{state}' of round {round} is gone from the server's folder; put it back, or begin a new job with that round's model");
}
