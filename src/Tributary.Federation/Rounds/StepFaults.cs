namespace Tributary.Federation.Rounds;

/// <summary>A step cannot be closed because the server cannot go on.</summary>
public sealed class StepBrokenException : Exception
{
    /// <summary>Makes the error.</summary>
    public StepBrokenException(string reason)
        : base($"the server cannot go on: {reason}")
    {
    }
}

/// <summary>A step cannot be closed because too few sites' results can count.</summary>
public sealed class QuorumLostException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="counted">How many results count.</param>
    /// <param name="needed">How many have to.</param>
    /// <param name="sites">How many sites the step is for.</param>
    /// <param name="lost">Why others cannot count, each with its site's name.</param>
    public QuorumLostException(int counted, int needed, int sites, IReadOnlyList<string> lost)
        : base(needed >= sites
            ? string.Join("; ", lost)
            : $"the results of {counted} of {sites} sites count, and min_sites is {needed}: {string.Join("; ", lost)}")
    {
    }
}
