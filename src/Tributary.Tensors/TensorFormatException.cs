namespace Tributary.Tensors;

/// <summary>A tensor file or manifest that cannot be right. The message names the file or tensor and what is wrong.</summary>
public sealed class TensorFormatException : Exception
{
    /// <summary>Makes the error.</summary>
    public TensorFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public TensorFormatException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
