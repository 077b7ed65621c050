using Tributary.Codecs;
using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Federation.Filters;

/// <summary>The four points where a message leaves or enters a party.</summary>
public enum FilterPoint
{
    /// <summary>Task data leaves the server.</summary>
    TaskDataOut,

    /// <summary>Task data enters a site.</summary>
    TaskDataIn,

    /// <summary>A task result leaves a site.</summary>
    TaskResultOut,

    /// <summary>A task result enters the server.</summary>
    TaskResultIn,
}

/// <summary>
/// The filters of one point, in order. Parties work on dense floats and the wire carries encoded tiles, so a pipeline must lead from
/// one to the other; one that does not is refused when it is made, before the job starts.
/// </summary>
public sealed class FilterPipeline
{
    private readonly Filter[] _filters;

    /// <summary>Makes a pipeline.</summary>
    /// <exception cref="FilterMismatchException">A filter does not take what comes before it gives.</exception>
    public FilterPipeline(FilterPoint point, params ReadOnlySpan<Filter> filters)
    {
        bool leaves = point is FilterPoint.TaskDataOut or FilterPoint.TaskResultOut;
        TensorKind kind = leaves ? TensorKind.Dense : TensorKind.Encoded;
        TensorKind end = leaves ? TensorKind.Encoded : TensorKind.Dense;
        string before = leaves ? "the model" : "the message";
        foreach (Filter filter in filters)
        {
            if (filter.Takes != kind)
            {
                throw new FilterMismatchException(point, $"filter '{filter.Name}' takes {Text(filter.Takes)} tensors, but {before} gives {Text(kind)} ones");
            }

            (kind, before) = (filter.Gives, $"filter '{filter.Name}'");
        }

        if (kind != end)
        {
            throw new FilterMismatchException(point, $"{before} gives {Text(kind)} tensors, but {(leaves ? "the wire carries" : "the model has")} {Text(end)} ones; add a filter that turns one into the other");
        }

        Point = point;
        _filters = filters.ToArray();
    }

    /// <summary>The point it stands at.</summary>
    public FilterPoint Point { get; }

    /// <summary>The pipeline that a job's precision asks for at a point.</summary>
    /// <param name="point">The point.</param>
    /// <param name="precision">The job's precision.</param>
    /// <param name="own">A site's own filters, in order, where a result leaves it: they see the update before it is encoded. Where results are integers of a ring, whoever knows the round gives the filters that make these, too.</param>
    /// <exception cref="FilterMismatchException">A filter does not take what comes before it gives.</exception>
    public static FilterPipeline For(FilterPoint point, JobPrecision precision, params IReadOnlyList<Filter> own) => point switch
    {
        FilterPoint.TaskDataOut => new FilterPipeline(point, Encoder(precision.Task, precision.Budget, isTask: true)),
        FilterPoint.TaskResultOut when precision.Ring is not null => new FilterPipeline(point, [.. own]),
        FilterPoint.TaskResultOut => new FilterPipeline(point, [.. own, Encoder(precision.Result, precision.Budget, isTask: false)]),
        _ => new FilterPipeline(point, new DequantizeFilter()),
    };

    /// <summary>Makes the pipelines of all points, to see that there are such: only that of integers of a ring is not known before its round.</summary>
    /// <exception cref="FilterMismatchException">A filter does not take what comes before it gives.</exception>
    public static void Check(JobPrecision precision)
    {
        foreach (FilterPoint point in Enum.GetValues<FilterPoint>().Where(point => point != FilterPoint.TaskResultOut || precision.Ring is null))
        {
            _ = For(point, precision);
        }
    }

    /// <summary>Wraps a source in all filters.</summary>
    public TensorSource Apply(TensorSource source) => _filters.Aggregate(source, (wrapped, filter) => filter.Apply(wrapped));

    private static Filter Encoder(string precision, JobBudget? budget, bool isTask) => precision is JobPrecision.Adaptive or JobPrecision.Auto
        ? new AdaptFilter(budget ?? new JobBudget(), isTask)
        : new QuantizeFilter(Precision.Parse(precision));

    private static string Text(TensorKind kind) => kind switch
    {
        TensorKind.Dense => "dense",
        TensorKind.Encoded => "encoded",
        _ => "integer",
    };
}

/// <summary>Filters that do not fit together.</summary>
public sealed class FilterMismatchException : Exception
{
    /// <summary>Makes the error.</summary>
    public FilterMismatchException(FilterPoint point, string message)
        : base($"{point}: {message}")
    {
    }
}
