namespace Tributary.Training;

/// <summary>A chat template that is not understood or that refuses a conversation. The message says what and in which line of the template.</summary>
public sealed class ChatTemplateException : FormatException
{
    /// <summary>Makes the error.</summary>
    public ChatTemplateException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error with what caused it.</summary>
    public ChatTemplateException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
