using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Training.Optimization;

/// <summary>
/// A training that goes on where it was when its process ended. The file holds all that the next step depends on: weights, the optimizer's
/// state, totals, and the best model where there is an early stop. The order of the records and dropout follow from the seed and the step, a
/// private training's draws and noise from its randomness and the step.
/// </summary>
internal sealed class TrainingCheckpoint
{
    private const string WeightsPrefix = "weights.";
    private const string BestPrefix = "best.";
    private const string TrainingKey = "training";
    private const string TotalsKey = "totals";
    private const string BestKey = "best";

    private readonly string _path;
    private readonly string _training;
    private readonly int _every;

    /// <summary>A checkpoint of a training that begins with the model as it is now.</summary>
    public TrainingCheckpoint(string path, int every, TrainableModel model, InstructionDataset dataset, TrainingOptions options)
    {
        _path = path;
        _every = every;
        _training = Describe(model, dataset, options);
    }

    /// <summary>Goes on from the file, if there is one and it is of this training.</summary>
    /// <returns>What was done until then; nothing where the training begins.</returns>
    public TrainingTotals Resume(TrainableModel model, AdamW optimizer, BestModel? best)
    {
        if (!File.Exists(_path))
        {
            return default;
        }

        using SafetensorsFile file = SafetensorsFile.Open(_path);
        IReadOnlyDictionary<string, string> metadata = file.Header.Metadata;
        if (metadata.GetValueOrDefault(TrainingKey) != _training)
        {
            return default;
        }

        OptimizerFile.Read(file, optimizer);
        ParameterFile.Read(file, WeightsPrefix, model.Trained);
        if (best is not null)
        {
            ParameterFile.Read(file, BestPrefix, best.Weights);
            best.Resume(metadata[BestKey]);
        }

        return JsonSerializer.Deserialize(metadata[TotalsKey], TrainingTotalsJson.Default.TrainingTotals);
    }

    /// <summary>Writes the file, if it is time to after that step.</summary>
    public void Write(TrainingTotals totals, TrainableModel model, AdamW optimizer, BestModel? best)
    {
        if (totals.Steps % _every != 0)
        {
            return;
        }

        Dictionary<string, string> metadata = OptimizerFile.Metadata(optimizer);
        metadata[TrainingKey] = _training;
        metadata[TotalsKey] = JsonSerializer.Serialize(totals, TrainingTotalsJson.Default.TrainingTotals);
        List<(string Prefix, ParameterSet Set)> sets = [(WeightsPrefix, model.Trained), .. OptimizerFile.Sets(optimizer)];
        if (best is not null)
        {
            metadata[BestKey] = best.Describe();
            sets.Add((BestPrefix, best.Weights));
        }

        ParameterFile.Write(_path, sets, metadata);
    }

    /// <summary>What a training is: two that say the same go the same way.</summary>
    private static string Describe(TrainableModel model, InstructionDataset dataset, TrainingOptions options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string held = options.EarlyStop is { } rule ? $"{rule.Every} {rule.Patience} {rule.HeldOut.Count} {rule.HeldOut.TokenCount}" : string.Empty;
        hash.AppendData(Encoding.UTF8.GetBytes($"{options with { Threads = 1, EarlyStop = null, Private = null }} {dataset.Count} {dataset.TokenCount} {held}"));
        if (options.Private is { } training)
        {
            // The first step's draws stand for the randomness: with another's, what comes after would not belong to what was done.
            double[] draws = new double[dataset.Count];
            training.Randomness.Uniform(0, draws);
            hash.AppendData(MemoryMarshal.AsBytes<double>([training.ClipNorm, training.NoiseMultiplier, training.SamplingRate, .. draws]));
        }

        foreach (LlamaTensor tensor in model.Trained.All)
        {
            for (long begin = 0; begin < tensor.Buffer.Length; begin += Tile.ElementsMax)
            {
                hash.AppendData(MemoryMarshal.AsBytes(tensor.Buffer.Span(begin, (int)Math.Min(Tile.ElementsMax, tensor.Buffer.Length - begin))));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
