using System.Globalization;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Training.Optimization;

/// <summary>AdamW's state in a file, under the names that PyTorch's AdamW gives it: exp_avg, exp_avg_sq, step.</summary>
internal static class OptimizerFile
{
    private const string MeansPrefix = "exp_avg.";
    private const string SquaresPrefix = "exp_avg_sq.";
    private const string StepsKey = "step";

    /// <summary>The sets of its tensors, each with its prefix.</summary>
    public static (string Prefix, ParameterSet Set)[] Sets(AdamW optimizer) => [(MeansPrefix, optimizer.Means), (SquaresPrefix, optimizer.Squares)];

    /// <summary>What a file notes beside the tensors.</summary>
    public static Dictionary<string, string> Metadata(AdamW optimizer) =>
        new(StringComparer.Ordinal) { [StepsKey] = optimizer.Steps.ToString(CultureInfo.InvariantCulture) };

    /// <summary>Writes a file of the state alone.</summary>
    public static void Write(string path, AdamW optimizer) => ParameterFile.Write(path, Sets(optimizer), Metadata(optimizer));

    /// <summary>Reads the state out of a file that may hold more than it.</summary>
    /// <exception cref="TensorFormatException">It is not there, or not of this model.</exception>
    public static void Read(SafetensorsFile file, AdamW optimizer)
    {
        foreach ((string prefix, ParameterSet set) in Sets(optimizer))
        {
            ParameterFile.Read(file, prefix, set);
        }

        optimizer.Steps = file.Header.Metadata.TryGetValue(StepsKey, out string? steps) && long.TryParse(steps, CultureInfo.InvariantCulture, out long read)
            ? read
            : throw new TensorFormatException($"{file.Path}: does not say after how many steps its state is; remove the file");
    }
}
