namespace Tributary.Federation.Jobs;

/// <summary>How many of a job's sites are drawn for a round: one of the two.</summary>
/// <param name="Number">So many.</param>
/// <param name="Fraction">A share of all, above 0 and up to 1, rounded up.</param>
public sealed record JobSample(int? Number, double? Fraction)
{
    /// <summary>The number of sites drawn of so many.</summary>
    public int Of(int sites) => Math.Min(sites, Number ?? (int)Math.Ceiling(Fraction!.Value * sites));
}
