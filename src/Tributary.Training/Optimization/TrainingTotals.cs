using System.Text.Json.Serialization;

namespace Tributary.Training.Optimization;

/// <summary>What a training has done so far.</summary>
/// <param name="Steps">The steps.</param>
/// <param name="LossSum">The losses of all response tokens, in nats.</param>
/// <param name="Samples">The records, each as often as it was trained on.</param>
/// <param name="Tokens">Their tokens.</param>
/// <param name="Responses">Their response tokens.</param>
internal readonly record struct TrainingTotals(int Steps, double LossSum, long Samples, long Tokens, long Responses);

/// <summary>How totals are written.</summary>
[JsonSerializable(typeof(TrainingTotals))]
internal sealed partial class TrainingTotalsJson : JsonSerializerContext;
