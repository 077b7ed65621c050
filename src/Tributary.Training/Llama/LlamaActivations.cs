using Tributary.Training.Memory;

namespace Tributary.Training;

/// <summary>
/// The memory of a forward and backward pass, allocated once for the largest batch. For evaluation alone, all layers share one
/// layer's memory and there is none for gradients.
/// </summary>
internal sealed class LlamaActivations : IDisposable
{
    /// <summary>The floats of logits that are worked on together: a large vocabulary's rows come in several runs.</summary>
    private const int LogitsMax = 1 << 24;

    private readonly List<FloatBuffer> _buffers = [];

    public LlamaActivations(LlamaConfig config, int rowsMax, bool forTraining)
    {
        RowsMax = rowsMax;
        LogitRowsMax = Math.Clamp(LogitsMax / config.VocabularySize, Math.Min(rowsMax, 64), rowsMax);
        Layers = new LayerActivations[config.LayerCount];
        for (int layer = 0; layer < Layers.Length; layer++)
        {
            Layers[layer] = forTraining || layer == 0 ? NewLayer(config) : Layers[0];
        }

        Final = Rent(config.HiddenSize);
        Responses = Rent(config.HiddenSize);
        ResponsesNormed = Rent(config.HiddenSize);
        ResponsesInverseRms = Rent(1);
        Losses = Rent(1);
        Logits = Rent(config.VocabularySize, LogitRowsMax);
        if (forTraining)
        {
            Gradients = NewGradients(config);
        }
    }

    /// <summary>The most rows of a batch.</summary>
    public int RowsMax { get; }

    /// <summary>The rows of logits that are worked on together.</summary>
    public int LogitRowsMax { get; }

    public LayerActivations[] Layers { get; }

    /// <summary>What the last layer gives.</summary>
    public Rows Final { get; }

    /// <summary>The rows of <see cref="Final"/> that count in the loss, close together.</summary>
    public Rows Responses { get; }

    public Rows ResponsesNormed { get; }

    public Rows ResponsesInverseRms { get; }

    public Rows Losses { get; }

    public Rows Logits { get; }

    /// <summary>The gradients of a layer's activations; nothing when only evaluating.</summary>
    public ActivationGradients? Gradients { get; }

    public void Dispose()
    {
        foreach (FloatBuffer buffer in _buffers)
        {
            buffer.Dispose();
        }
    }

    private LayerActivations NewLayer(LlamaConfig config)
    {
        int queries = config.HeadCount * config.HeadLength, keys = config.KeyValueHeadCount * config.HeadLength;
        return new LayerActivations
        {
            Input = Rent(config.HiddenSize),
            InputNormed = Rent(config.HiddenSize),
            InputInverseRms = Rent(1),
            Query = Rent(queries),
            Key = Rent(keys),
            Value = Rent(keys),
            Attended = Rent(queries),
            LogSums = Rent(config.HeadCount),
            Middle = Rent(config.HiddenSize),
            MiddleNormed = Rent(config.HiddenSize),
            MiddleInverseRms = Rent(1),
            Gate = Rent(config.IntermediateSize),
            Up = Rent(config.IntermediateSize),
            Gated = Rent(config.IntermediateSize),
        };
    }

    private ActivationGradients NewGradients(LlamaConfig config)
    {
        int queries = config.HeadCount * config.HeadLength, keys = config.KeyValueHeadCount * config.HeadLength;
        return new ActivationGradients
        {
            Residual = Rent(config.HiddenSize),
            Responses = Rent(config.HiddenSize),
            Normed = Rent(config.HiddenSize),
            Query = Rent(queries),
            Key = Rent(keys),
            Value = Rent(keys),
            Attended = Rent(queries),
            Gated = Rent(config.IntermediateSize),
        };
    }

    private Rows Rent(int columns, int? rows = null)
    {
        var buffer = new FloatBuffer((long)columns * (rows ?? RowsMax));
        _buffers.Add(buffer);
        return new Rows(buffer, columns);
    }
}

/// <summary>Room for rows of one length.</summary>
internal readonly record struct Rows(FloatBuffer Buffer, int Columns)
{
    /// <summary>The first rows.</summary>
    public Matrix Take(int rows) => Buffer.Matrix(rows, Columns);
}

/// <summary>What a layer computes on its way forward and needs again on its way back.</summary>
internal sealed class LayerActivations
{
    public required Rows Input { get; init; }

    public required Rows InputNormed { get; init; }

    public required Rows InputInverseRms { get; init; }

    public required Rows Query { get; init; }

    public required Rows Key { get; init; }

    public required Rows Value { get; init; }

    public required Rows Attended { get; init; }

    public required Rows LogSums { get; init; }

    public required Rows Middle { get; init; }

    public required Rows MiddleNormed { get; init; }

    public required Rows MiddleInverseRms { get; init; }

    public required Rows Gate { get; init; }

    public required Rows Up { get; init; }

    public required Rows Gated { get; init; }
}

/// <summary>Gradients on their way back, used by one layer after the other. Those of gate and up replace their values.</summary>
internal sealed class ActivationGradients
{
    public required Rows Residual { get; init; }

    /// <summary>The gradients of the rows that count in the loss.</summary>
    public required Rows Responses { get; init; }

    public required Rows Normed { get; init; }

    public required Rows Query { get; init; }

    public required Rows Key { get; init; }

    public required Rows Value { get; init; }

    public required Rows Attended { get; init; }

    public required Rows Gated { get; init; }
}
