using Tributary.Codecs;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Tensors;

namespace Tributary.Site.Rules;

/// <summary>What a site does to whatever it sends, after its own filters and before the job's precision, whatever the job says.</summary>
public sealed record SiteFilters
{
    /// <summary>The tensors that are sent as if they had not been trained, by name, in which * stands for any run of characters.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>The largest global L2 norm of the change that is sent; null for any.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>The share of a change's values that is sent, the largest of each run; null for all.</summary>
    public double? Sparsify { get; init; }

    /// <summary>Of the values that are sent, the share and the largest absolute value; null for any.</summary>
    public (double Share, float Bound)? Percentile { get; init; }

    /// <summary>The finest precision that anything leaves in; null for any.</summary>
    public Codec? QuantizeAtLeast { get; init; }

    /// <summary>The filters for a job's result, in order.</summary>
    /// <param name="job">The job.</param>
    /// <param name="received">What the site received: the tensors that it sends, as they were.</param>
    internal IReadOnlyList<Filter> For(Job job, TensorSource received)
    {
        var filters = new List<Filter>();
        if (Exclude.Count > 0)
        {
            filters.Add(new ExcludeFilter(Exclude, received, job.Exchange));
        }

        if (ClipNorm is { } norm)
        {
            filters.Add(new ClipNormFilter(norm, job.Exchange == Exchange.Delta ? null : received));
        }

        TensorSource? basis = job.Exchange == Exchange.Delta ? null : received;
        if (Sparsify is { } share)
        {
            filters.Add(new SparsifyFilter(share, bound: null, basis));
        }

        if (Percentile is var (kept, bound))
        {
            filters.Add(new SparsifyFilter(kept, bound, basis));
        }

        if (QuantizeAtLeast is { } floor && (!Precision.TryParse(job.Precision.Result, out Codec? asked) || CoarsenFilter.IsFiner(asked, floor)))
        {
            filters.Add(new CoarsenFilter(floor));
        }

        return filters;
    }
}
