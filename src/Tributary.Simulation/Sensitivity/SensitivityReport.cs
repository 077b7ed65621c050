using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Simulation.Sensitivity;

/// <summary>How much a model's held-out loss rises when one of its tensors at a time is put through a precision: what <c>tributary sensitivity --json</c> prints.</summary>
/// <param name="Model">The model's folder.</param>
/// <param name="Data">The records' file.</param>
/// <param name="Records">How many records were measured on.</param>
/// <param name="Loss">The loss of the model as it is, in nats a response token.</param>
/// <param name="Version">The version of Tributary that measured.</param>
/// <param name="Tensors">The tensors in the model's order.</param>
public sealed record SensitivityReport(string Model, string Data, int Records, double Loss, string Version, IReadOnlyList<TensorSensitivity> Tensors)
{
    /// <summary>
    /// How much a tensor's squared error counts beside the others', by its name: the rise of the loss for each unit of it, fitted over the precisions, as a multiple of the
    /// median. A tensor that shows no rise counts a thousandth of that.
    /// </summary>
    public IReadOnlyDictionary<string, double> Weights()
    {
        var slopes = Tensors.ToDictionary(tensor => tensor.Name, Slope, StringComparer.Ordinal);
        double[] rising = [.. slopes.Values.Where(slope => slope > 0).Order()];
        double median = rising.Length == 0 ? 1 : rising[rising.Length / 2];
        return slopes.ToDictionary(slope => slope.Key, slope => Math.Max(slope.Value / median, 1e-3), StringComparer.Ordinal);
    }

    /// <summary>The document, without a newline at its end.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SensitivityJson.Default.SensitivityReport);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <param name="name">What to call it in errors.</param>
    /// <exception cref="UsageException">It is something else.</exception>
    public static SensitivityReport Parse(string json, string name)
    {
        try
        {
            return JsonSerializer.Deserialize(json, SensitivityJson.Default.SensitivityReport) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new UsageException($"{name}: is not what 'tributary sensitivity --json' prints ({e.Message}); measure it again", e);
        }
    }

    // Least squares through the origin.
    private static double Slope(TensorSensitivity tensor)
    {
        double squares = tensor.Precisions.Sum(each => each.SquaredError * each.SquaredError);
        return squares > 0 ? tensor.Precisions.Sum(each => each.Rise * each.SquaredError) / squares : 0;
    }
}

/// <summary>A tensor's part.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Layer">The layer that it is of; null for what is of none, as the embedding.</param>
/// <param name="Kind">What it is in its layer, such as <c>self_attn.q_proj</c>.</param>
/// <param name="Elements">Its elements.</param>
/// <param name="Precisions">What each precision does to it.</param>
public sealed record TensorSensitivity(string Name, int? Layer, string Kind, long Elements, IReadOnlyList<PrecisionEffect> Precisions);

/// <summary>What a precision does to a tensor.</summary>
/// <param name="Precision">Its name.</param>
/// <param name="Bytes">The tensor's bytes in it.</param>
/// <param name="SquaredError">What it loses of the tensor, as the sum of squares.</param>
/// <param name="Rise">How much higher the loss is with it, in nats.</param>
public sealed record PrecisionEffect(string Precision, long Bytes, double SquaredError, double Rise);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n", RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SensitivityReport))]
internal sealed partial class SensitivityJson : JsonSerializerContext;
