using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>The tensors of a result that is integers of a ring.</summary>
public static class RingTensors
{
    /// <summary>The name of the tensor that holds how many records a result is of, as digits, the lowest first.</summary>
    public const string Samples = "tributary.samples";

    /// <summary>The trained tensors, and where the job weighs sites by their records the digits of how many these are.</summary>
    /// <param name="job">The job; its precision has a ring.</param>
    /// <param name="trained">The tensors that are trained.</param>
    public static TensorManifest Of(Job job, TensorManifest trained)
    {
        IEnumerable<TensorEntry> entries = trained.Select(entry => new TensorEntry(entry.Spec with { DType = DType.U32 }));
        return new TensorManifest(job.CountsSamples ? entries.Append(SamplesEntry(job)) : entries);
    }

    /// <summary>
    /// The digits of a number of records: each from 0 to the largest integer that a site's values have, so that all sites' digits add up in the ring as the values do, and the sum of numbers is exact however few bits it has.
    /// </summary>
    /// <param name="samplesMax">The largest number.</param>
    /// <param name="largest">The largest integer of a site, from 1.</param>
    public static int DigitsOf(long samplesMax, int largest)
    {
        int digits = 1;
        for (long rest = samplesMax / (largest + 1L); rest > 0; rest /= largest + 1L)
        {
            digits++;
        }

        return digits;
    }

    private static TensorEntry SamplesEntry(Job job)
    {
        int largest = Math.Max(1, JobRing.SitesMax(job.Precision.Ring!.Bits) / SiteDraw.Of(job, 1).Count);
        return new TensorEntry(new TensorSpec(Samples, DType.U32, new TensorShape(DigitsOf(job.Aggregation.SamplesMax, largest))));
    }
}
