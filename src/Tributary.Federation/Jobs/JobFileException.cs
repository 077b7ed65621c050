namespace Tributary.Federation.Jobs;

/// <summary>Something wrong in a job file.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record JobFileError(long Line, string Message);

/// <summary>A job file that cannot be used: everything that is wrong with it, each with its line.</summary>
public sealed class JobFileException : Exception
{
    /// <summary>Makes the error.</summary>
    public JobFileException(string file, IEnumerable<JobFileError> errors)
        : base(string.Join(Environment.NewLine, errors.OrderBy(error => error.Line).Select(error => $"{file}:{error.Line}: {error.Message}")))
    {
    }
}
