using System.Text.RegularExpressions;
using Tributary.Codecs;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Simulation.Experiments;
using Tributary.Site;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;

namespace Tributary.Simulation.Sensitivity;

/// <summary>Puts one tensor at a time of a model through each precision, and measures the loss.</summary>
public sealed partial class SensitivityAnalysis
{
    private readonly SensitivityOptions _options;
    private readonly InstructionDataset _records;
    private readonly LlamaConfig _config;

    private SensitivityAnalysis(SensitivityOptions options, LlamaConfig config, InstructionDataset records) => (_options, _config, _records) = (options, config, records);

    /// <summary>Reads model and records as far as to know that they can be used.</summary>
    /// <exception cref="UsageException">They cannot; the message says why.</exception>
    public static SensitivityAnalysis Prepare(SensitivityOptions options)
    {
        if (!File.Exists(options.DataPath))
        {
            throw new UsageException($"{options.DataPath}: there is no such file of records");
        }

        if (!Directory.Exists(options.ModelFolder))
        {
            throw new UsageException($"{options.ModelFolder}: there is no such model folder");
        }

        try
        {
            var length = Math.Min(options.SequenceLength, LlamaConfig.Load(options.ModelFolder).PositionsMax);
            var reader = new RecordReader(options.ModelFolder, new JobTraining { SequenceLength = length });
            return new SensitivityAnalysis(options, reader.Config, reader.Read(options.DataPath, options.RecordsMax));
        }
        catch (Exception e) when (e is ModelFormatException or TrainingDataException or TensorFormatException)
        {
            throw new UsageException(e.Message, e);
        }
    }

    /// <summary>Measures.</summary>
    /// <param name="report">Told of each tensor.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public SensitivityReport Run(Action<ExperimentProgress> report, CancellationToken cancellationToken)
    {
        using Checkpoint checkpoint = Checkpoint.Open(_options.ModelFolder);
        using var weights = new CastSource(checkpoint, DType.F32);
        using LlamaModel model = LlamaModel.Load(_config, weights);
        double loss = Loss(model, cancellationToken);
        TensorSpec[] specs = [.. weights.Manifest.Select(entry => entry.Spec)];
        var tensors = new List<TensorSensitivity>();
        foreach (TensorSpec spec in specs)
        {
            var effects = new List<PrecisionEffect>();
            foreach (Codec codec in _options.Precisions)
            {
                using var quantized = new QuantizedSource(weights, codec, tensor => tensor.Name == spec.Name);
                using var decoded = new DequantizedSource(quantized);
                model.CopyFrom(decoded);
                int place = weights.Manifest.IndexOf(spec.Name);
                using var lost = new SelectedTensors(new DeltaSource(decoded, weights), [place]);
                double norm = UpdateNorm.Of(lost, cancellationToken);
                effects.Add(new PrecisionEffect(codec.Name, quantized.Manifest[place].ByteLength, norm * norm, Loss(model, cancellationToken) - loss));
            }

            Match match = LayerName().Match(spec.Name);
            tensors.Add(new TensorSensitivity(
                spec.Name, match.Success ? int.Parse(match.Groups["layer"].ValueSpan) : null, match.Success ? match.Groups["kind"].Value : spec.Name.Replace(".weight", string.Empty, StringComparison.Ordinal),
                spec.ElementCount, effects));
            report(new ExperimentProgress(tensors.Count, specs.Length, spec.Name, string.Empty, 0, null));
        }

        return new SensitivityReport(
            _options.ModelFolder, _options.DataPath, _records.Count, loss, typeof(SensitivityAnalysis).Assembly.GetName().Version!.ToString(3), tensors);
    }

    private double Loss(LlamaModel model, CancellationToken cancellationToken) => Evaluator.Evaluate(model, _records, Environment.ProcessorCount, cancellationToken).MeanLoss;

    [GeneratedRegex(@"layers\.(?<layer>\d+)\.(?<kind>.+?)\.weight$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerName();
}

/// <summary>What to measure.</summary>
public sealed record SensitivityOptions
{
    /// <summary>The model's checkpoint folder: a Llama that the trainer inside can run.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>The records: a JSONL file.</summary>
    public required string DataPath { get; init; }

    /// <summary>Take only that many of its first records; null for all.</summary>
    public int? RecordsMax { get; init; }

    /// <summary>The longest record in tokens; a model that takes fewer is given what it takes.</summary>
    public int SequenceLength { get; init; } = 512;

    /// <summary>The precisions.</summary>
    public required IReadOnlyList<Codec> Precisions { get; init; }
}
