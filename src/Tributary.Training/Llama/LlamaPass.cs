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

    /// <summary>Allocates what batches of up to that many rows, in sequences of up to that length, need.</summary>
    public LlamaPass(TrainableModel model, int rowsMax, int lengthMax, bool forTraining, Workers workers)
    {
        _config = model.Config;
        _weights = model.Llama;
        _workers = workers;
        _heads = new AttentionHeads(_config.HeadCount, _config.KeyValueHeadCount, _config.HeadLength);
        _rope = new Rope(_config.HeadLength, _config.RopeTheta, _config.RopeScaling, lengthMax);
        _activations = new LlamaActivations(_config, rowsMax, forTraining);
    }

    /// <summary>The sum over the batch's response tokens of their losses, in nats.</summary>
    public double Loss(TokenBatch batch)
    {
        Forward(batch);
        return Head(batch, null, batch.Responses);
    }

    /// <summary>
    /// The sum of the losses as above; adds the gradients of their mean to <paramref name="set"/>.
    /// </summary>
    /// <param name="batch">The sequences.</param>
    /// <param name="set">The gradients of what is trained.</param>
    /// <param name="responses">The response tokens that the mean is over: the batch's own, or those of several batches that make a step.</param>
    public double LossAndGradients(TokenBatch batch, ParameterSet set, int responses)
    {
        var gradients = (LlamaTensors)set;
        Forward(batch);
        double loss = Head(batch, gradients, responses);
        for (int layer = _config.LayerCount - 1; layer >= 0; layer--)
        {
            BackwardFeedForward(_weights.Layers[layer], _activations.Layers[layer], gradients.Layers[layer], batch.Rows);
            BackwardAttention(_weights.Layers[layer], _activations.Layers[layer], gradients.Layers[layer], batch);
        }

        Embedding.Backward(batch.Tokens, _activations.Gradients!.Residual.Take(batch.Rows), gradients.Embedding);
        return loss;
    }

    public void Dispose()
    {
        _activations.Dispose();
        _rope.Dispose();
    }

    private void Forward(TokenBatch batch)
    {
        int rows = batch.Rows;
        Embedding.Forward(batch.Tokens, _weights.Embedding, _activations.Layers[0].Input.Take(rows));
        for (int i = 0; i < _config.LayerCount; i++)
        {
            LayerActivations layer = _activations.Layers[i];
            Matrix output = i + 1 < _config.LayerCount ? _activations.Layers[i + 1].Input.Take(rows) : _activations.Final.Take(rows);
            ForwardAttention(_weights.Layers[i], layer, batch);
            ForwardFeedForward(_weights.Layers[i], layer, rows, output);
        }
    }

    /// <summary>Middle = input + attention(norm(input)).</summary>
    private void ForwardAttention(in LayerTensors weights, LayerActivations layer, TokenBatch batch)
    {
        int rows = batch.Rows;
        Matrix input = layer.Input.Take(rows), normed = layer.InputNormed.Take(rows), middle = layer.Middle.Take(rows);
        Matrix q = layer.Query.Take(rows), k = layer.Key.Take(rows), v = layer.Value.Take(rows), attended = layer.Attended.Take(rows);
        RmsNorm.Forward(input, weights.InputNorm, _config.NormEpsilon, normed, layer.InputInverseRms.Take(rows), _workers);
        Linear.Forward(normed, weights.Query, q, accumulate: false, _workers);
        Linear.Forward(normed, weights.Key, k, accumulate: false, _workers);
        Linear.Forward(normed, weights.Value, v, accumulate: false, _workers);
        Rotate(q, k, batch, backward: false);
        Attention.Forward(q, k, v, attended, layer.LogSums.Take(rows), batch.Starts, _heads, _workers);
        middle.CopyFrom(input);
        Linear.Forward(attended, weights.Output, middle, accumulate: true, _workers);
    }

    private void Rotate(Matrix q, Matrix k, TokenBatch batch, bool backward) =>
        _workers.Split(batch.Rows, RowGrain, (_rope, q, k, batch, backward), static (state, _, begin, end) =>
        {
            ReadOnlySpan<int> positions = state.batch.Positions[begin..end];
            state._rope.Apply(state.q.Slice(begin, end), positions, state.backward);
            state._rope.Apply(state.k.Slice(begin, end), positions, state.backward);
        });

    /// <summary>Output = middle + down(silu(gate(norm(middle))) * up(norm(middle))).</summary>
    private void ForwardFeedForward(in LayerTensors weights, LayerActivations layer, int rows, Matrix output)
    {
        Matrix middle = layer.Middle.Take(rows), normed = layer.MiddleNormed.Take(rows);
        Matrix gate = layer.Gate.Take(rows), up = layer.Up.Take(rows), gated = layer.Gated.Take(rows);
        RmsNorm.Forward(middle, weights.MiddleNorm, _config.NormEpsilon, normed, layer.MiddleInverseRms.Take(rows), _workers);
        Linear.Forward(normed, weights.Gate, gate, accumulate: false, _workers);
        Linear.Forward(normed, weights.Up, up, accumulate: false, _workers);
        _workers.Split(rows, RowGrain, (gate, up, gated), static (state, _, begin, end) =>
            SwiGlu.Forward(state.gate.Slice(begin, end), state.up.Slice(begin, end), state.gated.Slice(begin, end)));
        output.CopyFrom(middle);
        Linear.Forward(gated, weights.Down, output, accumulate: true, _workers);
    }

    /// <summary>
    /// The last norm, the output head and the loss, for response rows alone: no other row's logits are needed. Leaves the gradient
    /// of the last layer's output in the residual's gradient.
    /// </summary>
    private double Head(TokenBatch batch, LlamaTensors? gradients, int responses)
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
            if (gradients is not null)
            {
                Matrix normedGradient = _activations.Gradients!.Normed.Take(count).Slice(begin, end);
                Linear.Backward(normed.Slice(begin, end), _weights.Head, logits, normedGradient, accumulate: false, gradients.Head, _workers);
            }
        }

        if (gradients is not null)
        {
            BackwardFinalNorm(batch, rows, inverseRms, gradients);
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

    private void BackwardFinalNorm(TokenBatch batch, Matrix rows, Matrix inverseRms, LlamaTensors gradients)
    {
        ActivationGradients own = _activations.Gradients!;
        Matrix responses = own.Responses.Take(batch.Responses), residual = own.Residual.Take(batch.Rows);
        responses.Clear();
        RmsNorm.Backward(rows, _weights.Norm, inverseRms, own.Normed.Take(batch.Responses), responses, gradients.Norm, _workers);
        residual.Clear();
        for (int i = 0; i < responses.Rows; i++)
        {
            responses.Row(i).CopyTo(residual.Row(batch.ResponseRows[i]));
        }
    }

    private void BackwardFeedForward(in LayerTensors weights, LayerActivations layer, in LayerTensors gradients, int rows)
    {
        ActivationGradients own = _activations.Gradients!;
        Matrix residual = own.Residual.Take(rows), gated = own.Gated.Take(rows), normed = own.Normed.Take(rows);
        Matrix gate = layer.Gate.Take(rows), up = layer.Up.Take(rows), input = layer.MiddleNormed.Take(rows);
        Linear.Backward(layer.Gated.Take(rows), weights.Down, residual, gated, accumulate: false, gradients.Down, _workers);
        _workers.Split(rows, RowGrain, (gate, up, gated), static (state, _, begin, end) =>
            SwiGlu.BackwardInPlace(state.gate.Slice(begin, end), state.up.Slice(begin, end), state.gated.Slice(begin, end)));
        Linear.Backward(input, weights.Gate, gate, normed, accumulate: false, gradients.Gate, _workers);
        Linear.Backward(input, weights.Up, up, normed, accumulate: true, gradients.Up, _workers);
        RmsNorm.Backward(
            layer.Middle.Take(rows), weights.MiddleNorm, layer.MiddleInverseRms.Take(rows), normed, residual, gradients.MiddleNorm, _workers);
    }

    private void BackwardAttention(in LayerTensors weights, LayerActivations layer, in LayerTensors gradients, TokenBatch batch)
    {
        int rows = batch.Rows;
        ActivationGradients own = _activations.Gradients!;
        Matrix residual = own.Residual.Take(rows), attended = own.Attended.Take(rows), normed = own.Normed.Take(rows);
        Matrix dq = own.Query.Take(rows), dk = own.Key.Take(rows), dv = own.Value.Take(rows), input = layer.InputNormed.Take(rows);
        Linear.Backward(layer.Attended.Take(rows), weights.Output, residual, attended, accumulate: false, gradients.Output, _workers);
        var forward = new AttentionForward(
            layer.Query.Take(rows), layer.Key.Take(rows), layer.Value.Take(rows), layer.Attended.Take(rows), layer.LogSums.Take(rows));
        AttentionGradient.Backward(forward, attended, dq, dk, dv, batch.Starts, _heads, _workers);
        Rotate(dq, dk, batch, backward: true);
        Linear.Backward(input, weights.Query, dq, normed, accumulate: false, gradients.Query, _workers);
        Linear.Backward(input, weights.Key, dk, normed, accumulate: true, gradients.Key, _workers);
        Linear.Backward(input, weights.Value, dv, normed, accumulate: true, gradients.Value, _workers);
        RmsNorm.Backward(
            layer.Input.Take(rows), weights.InputNorm, layer.InputInverseRms.Take(rows), normed, residual, gradients.InputNorm, _workers);
    }
}
