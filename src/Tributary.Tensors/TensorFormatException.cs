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

    /// <summary>The path of the file that the message begins with; null where it names none.</summary>
    public string? Path { get; init; }

    /// <summary>The message with the file's name in place of its path, for those whom the folder does not concern.</summary>
    public string MessageWithoutFolder => Path is null ? Message : Message.Replace(Path, System.IO.Path.GetFileName(Path), StringComparison.Ordinal);
}
