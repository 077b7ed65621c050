using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Simulation.Reports;

/// <summary>
/// The one JSON form of a run's summary: camelCase, indented, UTF-8 safe as ASCII, and with <c>&lt;</c> escaped, so that it can lie inside
/// an HTML script element as it is. <c>simulate --json</c> prints it and report.html carries it.
/// </summary>
public static class RunSummaryJson
{
    /// <summary>The document, without a newline at its end.</summary>
    /// <exception cref="InvalidDataException">A number is not finite, or a round names an unknown site.</exception>
    public static string Write(RunSummary summary)
    {
        RunSummaryCheck.Require(summary);
        return JsonSerializer.Serialize(summary, RunSummaryJsonContext.Default.RunSummary);
    }

    /// <summary>Reads what <see cref="Write"/> wrote; members it does not know are passed over.</summary>
    /// <exception cref="InvalidDataException">It is not JSON, or a member is missing or of another type: the message says it.</exception>
    public static RunSummary Read(string json)
    {
        RunSummary? summary;
        try
        {
            summary = JsonSerializer.Deserialize(json, RunSummaryJsonContext.Default.RunSummary);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"This is not the summary of a run, as 'simulate --json' prints it: {e.Message}", e);
        }

        return summary
            ?? throw new InvalidDataException("This is not the summary of a run, as 'simulate --json' prints it: it is null.");
    }
}

// The default encoder is kept on purpose: it writes <, > and & as \u003C and so on.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    NewLine = "\n",
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunSummary))]
internal sealed partial class RunSummaryJsonContext : JsonSerializerContext;
