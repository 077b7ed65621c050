namespace Tributary.Training;

/// <summary>A file of records that cannot be trained on. The message names the file, the line and what to do.</summary>
public sealed class TrainingDataException : Exception
{
    /// <summary>Makes the error.</summary>
    public TrainingDataException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public TrainingDataException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
