using System.Numerics.Tensors;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>
/// The noised sum of the clipped gradients of the records that a step draws, over the nominal size of a sample. One record's share of it is at
/// most ClipNorm / nominal long, which is all that privacy rests on; see <see cref="PrivateTraining"/>.
/// </summary>
/// <remarks>The sum is of fp32 in the order of the records, the noise of doubles: the same bytes with any number of threads.</remarks>
internal sealed class PrivateGradients : StepGradients
{
    private const int Grain = 4096;

    private readonly PrivateTraining _private;
    private readonly ParameterSet _sum;
    private readonly double[] _uniform;
    private readonly double[] _normal = new double[Grain];

    public PrivateGradients(TrainableModel model, InstructionDataset dataset, TrainingOptions options, PrivateTraining training, Workers workers)
        : base(model, dataset, options, batchSize: 1, workers)
    {
        _private = training;
        _sum = ParameterSet.Like(OfTrained);
        _uniform = new double[dataset.Count];
    }

    public override ParameterSet Result => _sum;

    public override long Steps => PrivateTraining.Steps(Options.Epochs, _private.SamplingRate);

    /// <summary>Nothing to do: draws and noise go by the number of the step.</summary>
    public override void Skip(int steps)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="TrainingDivergedException">The loss or the gradient of a record is not finite.</exception>
    public override TrainingTotals Compute(int step)
    {
        _sum.Clear();
        _private.Randomness.Uniform(step, _uniform);
        var totals = new TrainingTotals(1, 0, 0, 0, 0);
        for (int record = 0; record < _uniform.Length; record++)
        {
            if (_uniform[record] < _private.SamplingRate)
            {
                totals = totals.Plus(AddRecord(step, record));
            }
        }

        AddNoise(step);
        return totals;
    }

    protected override void Dispose(bool disposing)
    {
        _sum.Dispose();
        base.Dispose(disposing);
    }

    private TrainingTotals AddRecord(int step, int record)
    {
        long tokens = Dataset.FillBatch(Batch, [record]);
        OfAll.Clear();
        double loss = Pass.LossAndGradients(Batch, OfAll, Batch.Responses, Draw(step));
        double norm = GradientNorm.Of(OfTrained);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(step + 1, loss / Batch.Responses, norm);
        }

        AddToSum(norm > _private.ClipNorm ? NoMoreThan(_private.ClipNorm / norm) : 1);
        return new TrainingTotals(0, loss, 1, tokens, Batch.Responses);
    }

    /// <summary>
    /// What numbers the batch's draws of dropout: the step and the record itself. Its place would not do: a record that is not there moves those
    /// after it, and with other draws their gradients would all be others.
    /// </summary>
    private ulong Draw(int step)
    {
        ulong draw = Draws(step);
        foreach (int token in Batch.Tokens)
        {
            draw = SplitMix64.Mix(draw + (ulong)token);
        }

        return draw;
    }

    /// <summary>The float next below, where the nearest is above: among the smallest floats that would be up to twice as much.</summary>
    private static float NoMoreThan(double value)
    {
        float nearest = (float)value;
        return nearest > value ? MathF.BitDecrement(nearest) : nearest;
    }

    /// <summary>sum += scale times the record's gradient; each element by itself.</summary>
    private void AddToSum(float scale)
    {
        for (int i = 0; i < _sum.All.Count; i++)
        {
            FloatBuffer sum = _sum.All[i].Buffer;
            Workers.Split((int)((sum.Length + Grain - 1) / Grain), 1, (sum, gradient: OfTrained.All[i].Buffer, scale), static (state, _, begin, end) =>
            {
                for (long at = (long)begin * Grain; at < Math.Min(state.sum.Length, (long)end * Grain); at += Grain)
                {
                    int length = (int)Math.Min(Grain, state.sum.Length - at);
                    Span<float> target = state.sum.Span(at, length);
                    TensorPrimitives.MultiplyAdd(state.gradient.Span(at, length), state.scale, target, target);
                }
            });
        }
    }

    /// <summary>Adds the noise to every element and divides by the nominal size of a sample, rounding once.</summary>
    private void AddNoise(int step)
    {
        double deviation = _private.NoiseMultiplier * _private.ClipNorm, nominal = (double)Options.BatchSize * Options.GradientAccumulation;
        foreach (LlamaTensor tensor in _sum.All)
        {
            for (long at = 0; at < tensor.Buffer.Length; at += Grain)
            {
                Span<float> values = tensor.Buffer.Span(at, (int)Math.Min(Grain, tensor.Buffer.Length - at));
                Span<double> normal = _normal.AsSpan(0, values.Length);
                _private.Randomness.Gaussian(step, tensor.Name, at, normal);
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)((values[i] + (deviation * normal[i])) / nominal);
                }
            }
        }
    }
}
