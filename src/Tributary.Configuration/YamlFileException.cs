namespace Tributary.Configuration;

/// <summary>Something wrong in a YAML file.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record YamlFileError(long Line, string Message);

/// <summary>A YAML file that cannot be used: everything that is wrong with it, each with its line.</summary>
public sealed class YamlFileException : Exception
{
    /// <summary>Makes the error.</summary>
    public YamlFileException(string file, IEnumerable<YamlFileError> errors)
        : base(string.Join(Environment.NewLine, errors.OrderBy(error => error.Line).Select(error => $"{file}:{error.Line}: {error.Message}")))
    {
    }
}
