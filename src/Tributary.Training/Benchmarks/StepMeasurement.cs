using Tributary.Training.Memory;
using Tributary.Training.Operations;
using Tributary.Training.Optimization;

namespace Tributary.Training.Benchmarks;

/// <summary>What is trained while it is measured, shared by all kernels.</summary>
internal sealed class MeasuredModel : IDisposable
{
    public MeasuredModel(TrainingBenchmarkOptions options)
    {
        Model = LlamaModel.Create(options.Config, seed: 1);
        Gradients = Model.NewGradients();
        Optimizer = new AdamW(Model.Trained, Options);
        Batch = new TokenBatch(options.Batch, options.Sequence * options.Batch);
        var random = new SplitMix64(1);
        int[] tokens = new int[options.Sequence + 1];
        for (int sequence = 0; sequence < options.Batch; sequence++)
        {
            foreach (ref int token in tokens.AsSpan())
            {
                token = random.NextBelow(options.Config.VocabularySize);
            }

            Batch.Add(tokens, responseStart: 1);
        }
    }

    public TrainingOptions Options { get; } = new();

    public LlamaModel Model { get; }

    public ParameterSet Gradients { get; }

    public AdamW Optimizer { get; }

    public TokenBatch Batch { get; }

    public void Dispose()
    {
        Model.Dispose();
        Gradients.Dispose();
        Optimizer.Dispose();
    }
}

/// <summary>The best times of one kernel's products, forward passes and steps.</summary>
internal sealed class StepMeasurement : IDisposable
{
    /// <summary>The sizes of the square matrices whose fastest product is the kernel's peak.</summary>
    private static readonly int[] PeakSizes = [512, 1024, 2048];

    private readonly MeasuredModel _measured;
    private readonly TimeProvider _time;
    private readonly Workers _workers;
    private readonly LlamaPass _pass;
    private readonly FloatBuffer[] _squares = [.. Enumerable.Range(0, 3).Select(_ => new FloatBuffer((long)PeakSizes[^1] * PeakSizes[^1]))];
    private double _peak;
    private double _forward = double.PositiveInfinity;
    private double _step = double.PositiveInfinity;
    private long _allocated = long.MaxValue;

    public StepMeasurement(MeasuredModel measured, TrainingBenchmarkOptions options, MatrixKernel kernel, TimeProvider time)
    {
        _measured = measured;
        _time = time;
        _workers = new Workers(options.Threads, kernel);
        _pass = new LlamaPass(measured.Model, measured.Batch.Rows, options.Sequence, forTraining: true, _workers);
        foreach (FloatBuffer square in _squares)
        {
            square.Span(0, checked((int)square.Length)).Fill(0.5f); // zeros would be no less work, but look so
        }

        Step();
    }

    /// <summary>Measures everything once.</summary>
    public void Measure()
    {
        foreach (int size in PeakSizes)
        {
            double flop = 2.0 * size * size * size;
            _peak = Math.Max(_peak, flop / Seconds(() => Multiply(size)));
        }

        _forward = Math.Min(_forward, Seconds(() => _pass.Loss(_measured.Batch)));
        long before = GC.GetTotalAllocatedBytes(precise: true);
        long start = _time.GetTimestamp();
        Step();
        _step = Math.Min(_step, _time.GetElapsedTime(start).TotalSeconds);
        _allocated = Math.Min(_allocated, GC.GetTotalAllocatedBytes(precise: true) - before);
    }

    public KernelSpeed Result(StepCost cost) => new(
        _workers.Kernel == MatrixKernel.OpenBlas ? "openblas" : "managed",
        _peak / 1e9,
        Speed.Of(_forward, cost.Tokens, cost.ForwardFlop),
        Speed.Of(_step, cost.Tokens, cost.StepFlop),
        _allocated);

    public void Dispose()
    {
        _pass.Dispose();
        _workers.Dispose();
        Array.ForEach(_squares, square => square.Dispose());
    }

    private double Seconds(Action action)
    {
        long start = _time.GetTimestamp();
        action();
        return _time.GetElapsedTime(start).TotalSeconds;
    }

    private void Multiply(int size) => MatrixProduct.Times(
        _squares[0].Matrix(size, size), _squares[1].Matrix(size, size), _squares[2].Matrix(size, size), accumulate: false, _workers);

    /// <summary>What a training does for each batch.</summary>
    private void Step()
    {
        _measured.Gradients.Clear();
        _pass.LossAndGradients(_measured.Batch, _measured.Gradients, _measured.Batch.Responses);
        double norm = GradientNorm.Of(_measured.Gradients);
        float scale = norm > _measured.Options.ClipNorm ? (float)(_measured.Options.ClipNorm / norm) : 1;
        _measured.Optimizer.Step(_measured.Model.Trained, _measured.Gradients, _measured.Options.LearningRate, scale, _workers);
    }
}
