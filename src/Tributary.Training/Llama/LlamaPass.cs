using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training;

/// <summary>Takes batches forward through a Llama, and back again.</summary>
internal sealed class LlamaPass : IDisposable
{
    /// <summary>Rows that one thread takes at a time where rows do not depend on each other.</summary>
    private const int RowGrain = 16;

    private readonly LlamaConfig _config;
    private readonly LlamaTensors _weights;
    private readonly LlamaActivations _activations;
    private readonly Workers _workers;
    private readonly AttentionHeads _heads;
    private readonly Rope _rope;
    private readonly LoraPass? _lora;
    private readonly FloatBuffer _frozenNorm;

    /// <summary>Allocates what batches of up to that many rows, in sequences of up to that length, need.</summary>
    public LlamaPass(TrainableModel model, int rowsMax, int lengthMax, bool forTraining, Workers workers)
    {
        _config = model.Config;
        _weights = model.Llama;
        _workers = workers;
        _heads = new AttentionHeads(_config.HeadCount, _config.KeyValueHeadCount, _config.HeadLength);
        _rope = new Rope(_config.HeadLength, _config.RopeTheta, _config.RopeScaling, lengthMax);
        _activations = new LlamaActivations(_config, rowsMax, forTraining);
        _lora = model is LoraModel lora ? new LoraPass(lora, rowsMax, forTraining, workers) : null;
        _frozenNorm = new FloatBuffer(_config.HiddenSize);
    }

    /// <summary>The sum over the batch's response tokens of their losses, in nats.</summary>
    public double Loss(TokenBatch batch)
    {
        if (_lora is not null)
        {
            _lora.Draw = null;
        }

        Forward(batch);
        return Head(batch, null, batch.Responses);
    }

    /// <summary>
    /// The sum of the losses as above; adds the gradients of their mean to <paramref name="trained"/>.
    /// </summary>
    /// <param name="batch">The sequences.</param>
    /// <param name="trained">The gradients of what is trained.</param>
    /// <param name="responses">The response tokens that the mean is over: the batch's own, or those of several batches that make a step.</param>
    /// <param name="draw">The number of this batch's draws, for dropout.</param>
    public double LossAndGradients(TokenBatch batch, ParameterSet trained, int responses, ulong draw = 0)
    {
        var gradients = new PassGradients(trained as LlamaTensors, trained as LoraTensors, _frozenNorm.Matrix(1, _config.HiddenSize));
        if (_lora is not null)
        {
            _lora.Draw = draw;
            _frozenNorm.Clear();
        }

        Forward(batch);
        double loss = Head(batch, gradients, responses);
        for (int layer = _config.LayerCount - 1; layer >= 0; layer--)
        {
            BackwardFeedForward(layer, gradients, batch.Rows);

            // Below the lowest adapters there is nothing to learn.
            if (layer > 0 || _lora is null || _lora.AdaptsAttention)
            {
                BackwardAttention(layer, gradients, batch);
            }
        }

        if (gradients.Llama is { } llama)
        {
            Embedding.Backward(batch.Tokens, _activations.Gradients!.Residual.Take(batch.Rows), llama.Embedding);
        }

        return loss;
    }

    public void Dispose()
    {
        _activations.Dispose();
        _rope.Dispose();
        _lora?.Dispose();
        _frozenNorm.Dispose();
    }

    private void Forward(TokenBatch batch)
    {
        int rows = batch.Rows;
        Embedding.Forward(batch.Tokens, _weights.Embedding, _activations.Layers[0].Input.Take(rows));
        for (int i = 0; i < _config.LayerCount; i++)
        {
            LayerActivations layer = _activations.Layers[i];
            Matrix output = i + 1 < _config.LayerCount ? _activations.Layers[i + 1].Input.Take(rows) : _activations.Final.Take(rows);
            ForwardAttention(i, layer, batch);
            ForwardFeedForward(i, layer, rows, output);
        }
    }

    /// <summary>Middle = input + attention(norm(input)).</summary>
    private void ForwardAttention(int index, LayerActivations layer, TokenBatch batch)
    {
        int rows = batch.Rows;
        LayerTensors weights = _weights.Layers[index];
        Matrix input = layer.Input.Take(rows), normed = layer.InputNormed.Take(rows), middle = layer.Middle.Take(rows);
        Matrix q = layer.Query.Take(rows), k = layer.Key.Take(rows), v = layer.Value.Take(rows), attended = layer.Attended.Take(rows);
        RmsNorm.Forward(input, weights.InputNorm, _config.NormEpsilon, normed, layer.InputInverseRms.Take(rows), _workers);
        Apply(index, LoraTarget.Query, normed, weights.Query, q, accumulate: false);
        Apply(index, LoraTarget.Key, normed, weights.Key, k, accumulate: false);
        Apply(index, LoraTarget.Value, normed, weights.Value, v, accumulate: false);
        Rotate(q, k, batch, backward: false);
        Attention.Forward(q, k, v, attended, layer.LogSums.Take(rows), batch.Starts, _heads, _workers);
        middle.CopyFrom(input);
        Apply(index, LoraTarget.Output, attended, weights.Output, middle, accumulate: true);
    }

    private void Rotate(Matrix q, Matrix k, TokenBatch batch, bool backward) =>
        _workers.Split(batch.Rows, RowGrain, (_rope, q, k, batch, backward), static (state, _, begin, end) =>
        {
            ReadOnlySpan<int> positions = state.batch.Positions[begin..end];
            state._rope.Apply(state.q.Slice(begin, end), positions, state.backward);
            state._rope.Apply(state.k.Slice(begin, end), positions, state.backward);
        });

    /// <summary>Output = middle + down(silu(gate(norm(middle))) * up(norm(middle))).</summary>
    private void ForwardFeedForward(int index, LayerActivations layer, int rows, Matrix output)
    {
        LayerTensors weights = _weights.Layers[index];
        Matrix middle = layer.Middle.Take(rows), normed = layer.MiddleNormed.Take(rows);
        Matrix gate = layer.Gate.Take(rows), up = layer.Up.Take(rows), gated = layer.Gated.Take(rows);
        RmsNorm.Forward(middle, weights.MiddleNorm, _config.NormEpsilon, normed, layer.MiddleInverseRms.Take(rows), _workers);
        Apply(index, LoraTarget.Gate, normed, weights.Gate, gate, accumulate: false);
        Apply(index, LoraTarget.Up, normed, weights.Up, up, accumulate: false);
        _workers.Split(rows, RowGrain, (gate, up, gated), static (state, _, begin, end) =>
            SwiGlu.Forward(state.gate.Slice(begin, end), state.up.Slice(begin, end), state.gated.Slice(begin, end)));
        output.CopyFrom(middle);
        Apply(index, LoraTarget.Down, gated, weights.Down, output, accumulate: true);
    }

    /// <summary>y = x Wᵀ, or y += x Wᵀ, and what adapters add to it.</summary>
    private void Apply(int layer, LoraTarget target, Matrix x, Matrix weight, Matrix y, bool accumulate)
    {
        Linear.Forward(x, weight, y, accumulate, _workers);
        _lora?.Forward(layer, target, x, y);
    }

    /// <summary>
    /// The last norm, the output head and the loss, for response rows alone: no other row's logits are needed. Leaves the gradient
    /// of the last layer's output in the residual's gradient.
    /// </summary>
    private double Head(TokenBatch batch, PassGradients? gradients, int responses)
    {
        int count = batch.Responses;
        Matrix final = _activations.Final.Take(batch.Rows);
        Matrix rows = _activations.Responses.Take(count), normed = _activations.ResponsesNormed.Take(count);
        for (int i = 0; i < count; i++)
        {
            final.Row(batch.ResponseRows[i]).CopyTo(rows.Row(i));
        }

        Matrix inverseRms = _activations.ResponsesInverseRms.Take(count);
        RmsNorm.Forward(rows, _weights.Norm, _config.NormEpsilon, normed, inverseRms, _workers);
        for (int begin = 0; begin < count; begin += _activations.LogitRowsMax)
        {
            int end = Math.Min(count, begin + _activations.LogitRowsMax);
            Matrix logits = _activations.Logits.Take(end - begin);
            Linear.Forward(normed.Slice(begin, end), _weights.Head, logits, accumulate: false, _workers);
            Losses(batch, begin, logits, gradients is null ? 0 : 1f / responses);
            if (gradients is { } learning)
            {
                Matrix normedGradient = _activations.Gradients!.Normed.Take(count).Slice(begin, end);
                Backward(normed.Slice(begin, end), _weights.Head, logits, normedGradient, accumulate: false, learning.Llama?.Head);
            }
        }

        if (gradients is { } trained)
        {
            BackwardFinalNorm(batch, rows, inverseRms, trained);
        }

        double sum = 0;
        foreach (float loss in _activations.Losses.Buffer.Span(0, count))
        {
            sum += loss;
        }

        return sum;
    }

    /// <summary>
    /// The losses of some response rows, from <paramref name="first"/> on; logits become their gradients times a scale, or are used up where
    /// that is 0.
    /// </summary>
    private void Losses(TokenBatch batch, int first, Matrix logits, float scale) =>
        _workers.Split(logits.Rows, RowGrain, (_activations.Losses, batch, first, logits, scale), static (state, _, begin, end) =>
        {
            Matrix rows = state.logits.Slice(begin, end);
            ReadOnlySpan<int> targets = state.batch.Targets[(state.first + begin)..(state.first + end)];
            Span<float> losses = state.Losses.Buffer.Span(state.first + begin, end - begin);
            if (state.scale != 0)
            {
                CrossEntropy.ForwardBackward(rows, targets, state.scale, losses);
            }
            else
            {
                CrossEntropy.Forward(rows, targets, losses);
            }
        });

    private void BackwardFinalNorm(TokenBatch batch, Matrix rows, Matrix inverseRms, PassGradients gradients)
    {
        ActivationGradients own = _activations.Gradients!;
        Matrix responses = own.Responses.Take(batch.Responses), residual = own.Residual.Take(batch.Rows);
        responses.Clear();
        RmsNorm.Backward(rows, _weights.Norm, inverseRms, own.Normed.Take(batch.Responses), responses, gradients.Llama?.Norm ?? gradients.FrozenNorm, _workers);
        residual.Clear();
        for (int i = 0; i < responses.Rows; i++)
        {
            responses.Row(i).CopyTo(residual.Row(batch.ResponseRows[i]));
        }
    }

    private void BackwardFeedForward(int index, PassGradients gradients, int rows)
    {
        ActivationGradients own = _activations.Gradients!;
        LayerTensors weights = _weights.Layers[index];
        LayerTensors? trained = gradients.Llama?.Layers[index];
        LayerActivations layer = _activations.Layers[index];
        Matrix residual = own.Residual.Take(rows), gated = own.Gated.Take(rows), normed = own.Normed.Take(rows);
        Matrix gate = layer.Gate.Take(rows), up = layer.Up.Take(rows), input = layer.MiddleNormed.Take(rows);
        Backward(layer.Gated.Take(rows), weights.Down, residual, gated, accumulate: false, trained?.Down);
        _lora?.Backward(index, LoraTarget.Down, layer.Gated.Take(rows), residual, gated, gradients.Lora!);
        _workers.Split(rows, RowGrain, (gate, up, gated), static (state, _, begin, end) =>
            SwiGlu.BackwardInPlace(state.gate.Slice(begin, end), state.up.Slice(begin, end), state.gated.Slice(begin, end)));
        Backward(input, weights.Gate, gate, normed, accumulate: false, trained?.Gate);
        Backward(input, weights.Up, up, normed, accumulate: true, trained?.Up);
        _lora?.Backward(index, LoraTarget.Gate, input, gate, normed, gradients.Lora!);
        _lora?.Backward(index, LoraTarget.Up, input, up, normed, gradients.Lora!);
        RmsNorm.Backward(
            layer.Middle.Take(rows), weights.MiddleNorm, layer.MiddleInverseRms.Take(rows), normed, residual,
            trained?.MiddleNorm ?? gradients.FrozenNorm, _workers);
    }

    private void BackwardAttention(int index, PassGradients gradients, TokenBatch batch)
    {
        int rows = batch.Rows;
        ActivationGradients own = _activations.Gradients!;
        LayerTensors weights = _weights.Layers[index];
        LayerTensors? trained = gradients.Llama?.Layers[index];
        LayerActivations layer = _activations.Layers[index];
        Matrix residual = own.Residual.Take(rows), attended = own.Attended.Take(rows), normed = own.Normed.Take(rows);
        Matrix dq = own.Query.Take(rows), dk = own.Key.Take(rows), dv = own.Value.Take(rows), input = layer.InputNormed.Take(rows);
        Backward(layer.Attended.Take(rows), weights.Output, residual, attended, accumulate: false, trained?.Output);
        _lora?.Backward(index, LoraTarget.Output, layer.Attended.Take(rows), residual, attended, gradients.Lora!);
        var forward = new AttentionForward(
            layer.Query.Take(rows), layer.Key.Take(rows), layer.Value.Take(rows), layer.Attended.Take(rows), layer.LogSums.Take(rows));
        AttentionGradient.Backward(forward, attended, dq, dk, dv, batch.Starts, _heads, _workers);
        Rotate(dq, dk, batch, backward: true);

        // What is below the first layer does not learn beside adapters, so nobody asks for the gradient of its input.
        bool isLowest = _lora is not null && index == 0;
        if (!isLowest)
        {
            Backward(input, weights.Query, dq, normed, accumulate: false, trained?.Query);
            Backward(input, weights.Key, dk, normed, accumulate: true, trained?.Key);
            Backward(input, weights.Value, dv, normed, accumulate: true, trained?.Value);
        }

        _lora?.Backward(index, LoraTarget.Query, input, dq, isLowest ? null : normed, gradients.Lora!);
        _lora?.Backward(index, LoraTarget.Key, input, dk, isLowest ? null : normed, gradients.Lora!);
        _lora?.Backward(index, LoraTarget.Value, input, dv, isLowest ? null : normed, gradients.Lora!);
        if (!isLowest)
        {
            RmsNorm.Backward(
                layer.Input.Take(rows), weights.InputNorm, layer.InputInverseRms.Take(rows), normed, residual,
                trained?.InputNorm ?? gradients.FrozenNorm, _workers);
        }
    }

    /// <summary>The way back through a linear layer; a weight that is not trained has no gradient.</summary>
    private void Backward(Matrix x, Matrix weight, Matrix outputGradient, Matrix inputGradient, bool accumulate, Matrix? weightGradient)
    {
        if (weightGradient is { } trained)
        {
            Linear.Backward(x, weight, outputGradient, inputGradient, accumulate, trained, _workers);
            return;
        }

        MatrixProduct.Times(outputGradient, weight, inputGradient, accumulate, _workers);
    }

    /// <summary>Where gradients go: to the Llama's weights, or to adapters, and then those of norms, which come along, nowhere.</summary>
    private readonly record struct PassGradients(LlamaTensors? Llama, LoraTensors? Lora, Matrix FrozenNorm);
}
