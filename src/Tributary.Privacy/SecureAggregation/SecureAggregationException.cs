namespace Tributary.Privacy.SecureAggregation;

/// <summary>A message that secure aggregation refuses: it is not what the round's statement, its sender or an earlier message says. Nothing was changed or given away.</summary>
public class SecureAggregationException : Exception
{
    internal SecureAggregationException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>Too few sites are left: the round ends, and no share leaves that could reveal anything of it.</summary>
public sealed class BelowThresholdException : SecureAggregationException
{
    internal BelowThresholdException(string message)
        : base(message)
    {
    }

    /// <summary>Refuses to go on with fewer.</summary>
    internal static void Require(int count, int threshold, string what)
    {
        if (count < threshold)
        {
            throw new BelowThresholdException($"{what}: {count}, but {threshold} are needed; nothing of this round is revealed, begin another with the sites that are there");
        }
    }
}
