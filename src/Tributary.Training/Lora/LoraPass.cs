using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training;

/// <summary>What adapters add to a pass through a Llama: y += s B A dropout(x) on the way forward, and their gradients on the way back.</summary>
/// <remarks>A matrix W beside adapters has no gradient here, which saves a third of a training step's products.</remarks>
internal sealed class LoraPass : IDisposable
{
    private const int RowGrain = 64;

    private readonly LoraTensors _weights;
    private readonly LoraConfig _lora;
    private readonly Workers _workers;
    private readonly Rows[] _inner;
    private readonly Rows _innerGradient;
    private readonly Rows? _thinned;

    /// <summary>Allocates what batches of up to that many rows need.</summary>
    public LoraPass(LoraModel model, int rowsMax, bool forTraining, Workers workers)
    {
        _weights = model.Adapters;
        _lora = model.Lora;
        _workers = workers;
        _inner = new Rows[LoraTensors.Index(model.Config.LayerCount, default)];
        LoraPlace[] places = [.. LoraTensors.Places(model.Config, _lora)];
        AdaptsAttention = places.Any(place => place.Target <= LoraTarget.Output);
        _innerGradient = Rent(rowsMax, _lora.Rank);
        foreach (LoraPlace place in places)
        {
            _inner[LoraTensors.Index(place.Layer, place.Target)] = forTraining ? Rent(rowsMax, _lora.Rank) : _innerGradient;
        }

        _thinned = forTraining && _lora.Dropout > 0 ? Rent(rowsMax, places.Max(place => place.Inputs)) : null;
    }

    /// <summary>The number of this batch's draws of dropout; nothing where nothing is left out, as in measuring.</summary>
    public ulong? Draw { get; set; }

    /// <summary>Whether attention has adapters; every layer's has then.</summary>
    public bool AdaptsAttention { get; }

    /// <summary>y += s B A dropout(x), where that layer is adapted.</summary>
    public void Forward(int layer, LoraTarget target, Matrix x, Matrix y)
    {
        if (_weights.Find(layer, target) is not { } pair)
        {
            return;
        }

        Matrix inner = _inner[LoraTensors.Index(layer, target)].Take(x.Rows);
        MatrixProduct.TimesTransposed(Thinned(layer, target, x), pair.A, inner, accumulate: false, _workers);
        Scale(inner);
        MatrixProduct.TimesTransposed(inner, pair.B, y, accumulate: true, _workers);
    }

    /// <summary>Adds the gradients of the adapters of that layer, and what they add to the gradient of x, where anybody needs it.</summary>
    public void Backward(int layer, LoraTarget target, Matrix x, Matrix outputGradient, Matrix? inputGradient, LoraTensors gradients)
    {
        if (_weights.Find(layer, target) is not { } pair || gradients.Find(layer, target) is not { } gradient)
        {
            return;
        }

        Matrix inner = _inner[LoraTensors.Index(layer, target)].Take(x.Rows), innerGradient = _innerGradient.Take(x.Rows);
        MatrixProduct.TransposedTimes(outputGradient, inner, gradient.B, accumulate: true, _workers);
        MatrixProduct.Times(outputGradient, pair.B, innerGradient, accumulate: false, _workers);
        Scale(innerGradient);
        MatrixProduct.TransposedTimes(innerGradient, Thinned(layer, target, x), gradient.A, accumulate: true, _workers);
        if (inputGradient is not { } sum)
        {
            return;
        }

        if (Thinning(layer, target) is not { } dropout)
        {
            MatrixProduct.Times(innerGradient, pair.A, sum, accumulate: true, _workers);
            return;
        }

        Matrix thinned = Room(x.Rows, x.Columns);
        MatrixProduct.Times(innerGradient, pair.A, thinned, accumulate: false, _workers);
        dropout.AddTo(thinned, sum, _workers);
    }

    public void Dispose()
    {
        foreach (Rows rows in _inner)
        {
            rows.Buffer?.Dispose();
        }

        _innerGradient.Buffer.Dispose();
        _thinned?.Buffer.Dispose();
    }

    private static Rows Rent(int rows, int columns) => new(new FloatBuffer((long)rows * columns), columns);

    private Dropout? Thinning(int layer, LoraTarget target) => Draw is { } draw && _lora.Dropout > 0
        ? new Dropout(SplitMix64.Mix(draw + (ulong)LoraTensors.Index(layer, target)), _lora.Dropout)
        : null;

    private Matrix Thinned(int layer, LoraTarget target, Matrix x)
    {
        if (Thinning(layer, target) is not { } dropout)
        {
            return x;
        }

        Matrix thinned = Room(x.Rows, x.Columns);
        dropout.Apply(x, thinned, _workers);
        return thinned;
    }

    private Matrix Room(int rows, int columns) => _thinned!.Value.Buffer.Matrix(rows, columns);

    private void Scale(Matrix matrix) => _workers.Split(matrix.Rows, RowGrain, (matrix, scaling: (float)_lora.Scaling), static (state, _, begin, end) =>
    {
        for (int row = begin; row < end; row++)
        {
            VectorMath.Scale(state.matrix.Row(row), state.scaling);
        }
    });
}
