using System.Text.Json.Serialization;

namespace Tributary.Training.Optimization;

/// <summary>What a training, or a step of it, has done.</summary>
/// <param name="Steps">The steps.</param>
/// <param name="LossSum">The losses of all response tokens, in nats.</param>
/// <param name="Samples">The records, each as often as it was trained on.</param>
/// <param name="Tokens">Their tokens.</param>
/// <param name="Responses">Their response tokens.</param>
internal readonly record struct TrainingTotals(int Steps, double LossSum, long Samples, long Tokens, long Responses)
{
    /// <summary>The mean loss per response token, in nats; 0 where there was none, as in a private training's step that draws no record.</summary>
    [JsonIgnore]
    public double MeanLoss => Responses == 0 ? 0 : LossSum / Responses;

    /// <summary>Both together.</summary>
    public TrainingTotals Plus(TrainingTotals other) => new(
        Steps + other.Steps, LossSum + other.LossSum, Samples + other.Samples, Tokens + other.Tokens, Responses + other.Responses);
}

/// <summary>How totals are written.</summary>
[JsonSerializable(typeof(TrainingTotals))]
internal sealed partial class TrainingTotalsJson : JsonSerializerContext;
