namespace Tributary.Simulation;

/// <summary>Something that the user gave cannot be used: found before any work begins. The message says what, where and what to do.</summary>
public sealed class UsageException : Exception
{
    /// <summary>Makes the error.</summary>
    public UsageException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public UsageException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Throws where something does not hold.</summary>
    internal static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new UsageException(otherwise);
        }
    }
}
