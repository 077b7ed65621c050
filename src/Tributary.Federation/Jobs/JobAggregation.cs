using Tributary.Federation.Aggregation;

namespace Tributary.Federation.Jobs;

/// <summary>How the updates of a round become one.</summary>
public enum Reducer
{
    /// <summary>Their mean (<see cref="WeightedMean"/>).</summary>
    Mean,

    /// <summary>Their median at every coordinate (<see cref="CoordinateMedian"/>).</summary>
    Median,

    /// <summary>Their mean at every coordinate without the lowest and highest values (<see cref="Aggregation.TrimmedMean"/>).</summary>
    TrimmedMean,

    /// <summary>The mean of those that lie closest to the others (<see cref="Aggregation.Krum"/>).</summary>
    Krum,
}

/// <summary>What an update weighs in a mean.</summary>
public enum UpdateWeights
{
    /// <summary>The records that it says it was trained on.</summary>
    Samples,

    /// <summary>As every other.</summary>
    Uniform,
}

/// <summary>How a round's updates are screened and made one.</summary>
/// <param name="Reducer">How.</param>
/// <param name="Weights">What an update weighs; only a mean of all is weighted.</param>
/// <param name="Trim">For the trimmed mean: the share that is cut at each end, above 0 and below 0.5.</param>
/// <param name="Byzantine">For Krum: how many updates may be anything, from 0.</param>
/// <param name="Keep">For Krum: how many updates are chosen; more than one is multi-Krum.</param>
/// <param name="NormLimit">An update whose norm is more than so many times the median of all is refused; 0 for no such limit.</param>
/// <param name="SamplesMax">An update that claims more samples than this is refused; in a ring it counts for as many, and each is scaled by its samples over them.</param>
/// <remarks>Parameters with defaults, not properties: so a document that lacks some of them is read with these.</remarks>
public sealed record JobAggregation(
    Reducer Reducer = Reducer.Mean,
    UpdateWeights Weights = UpdateWeights.Samples,
    double Trim = 0.2,
    int Byzantine = 1,
    int Keep = 1,
    double NormLimit = 10,
    long SamplesMax = JobAggregation.SamplesMaxUsual)
{
    /// <summary>The samples that an update may claim where a job does not say.</summary>
    public const long SamplesMaxUsual = 1_000_000_000;

    /// <summary>Why so many updates cannot be reduced in this way, with the setting that asks for more; null where they can.</summary>
    public (string Key, string Reason)? Refuse(int updates)
    {
        switch (Reducer)
        {
            case Reducer.TrimmedMean when Aggregation.TrimmedMean.CutOf(updates, Trim) == 0:
                string mend = updates < 3 ? "take the mean" : $"give {Share(1.0 / updates)} or more, or take the median";
                return ("trim", $"a share of {Trim} of {updates} updates is less than one, so none would be cut; {mend}");
            case Reducer.Krum when updates < Aggregation.Krum.UpdatesMin(Byzantine):
                string most = updates < 3 ? "take the median" : $"with {updates}, 'byzantine' is at most {(updates - 3) / 2}";
                return ("byzantine", $"krum needs {Aggregation.Krum.UpdatesMin(Byzantine)} updates (2 f + 3) to withstand {Byzantine} wrong ones, but there are {updates}; {most}");
            case Reducer.Krum when Keep > updates - Byzantine:
                return ("keep", $"of {updates} updates with {Byzantine} wrong ones at most {updates - Byzantine} can be kept, but 'keep' is {Keep}; lower it");
            default:
                return null;
        }
    }

    /// <summary>A share, rounded up so that it is enough.</summary>
    private static double Share(double share) => Math.Ceiling(share * 1000) / 1000;
}
