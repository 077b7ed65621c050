namespace Tributary.Training;

/// <summary>
/// A file of a checkpoint folder (config.json, tokenizer.json) that is missing, cannot be right or asks for what is not supported.
/// The message names the file, what is wrong and what to do.
/// </summary>
public sealed class ModelFormatException : Exception
{
    /// <summary>Makes the error.</summary>
    public ModelFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public ModelFormatException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
