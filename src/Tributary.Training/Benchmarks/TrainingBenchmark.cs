using Tributary.Training.Operations;

namespace Tributary.Training.Benchmarks;

/// <summary>
/// Measures forward passes and training steps of a model with random weights on random tokens, the peak of the kernels below them,
/// and PyTorch on the same, in turn, so that other work on the machine falls on all of them alike.
/// </summary>
public static class TrainingBenchmark
{
    /// <summary>Runs.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="time">The clock.</param>
    /// <param name="progress">Told of each round, from 1.</param>
    /// <param name="cancellationToken">Looked at between rounds.</param>
    /// <exception cref="ArgumentException">A number is out of range.</exception>
    /// <exception cref="IOException">The PyTorch process failed.</exception>
    public static async Task<TrainingBenchmarkResult> RunAsync(
        TrainingBenchmarkOptions options, TimeProvider time, Action<int> progress, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Sequence, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Rounds, 1);
        new TrainingOptions { Threads = options.Threads }.Validate();
        MatrixKernel[] kernels = OpenBlas.IsAvailable ? [MatrixKernel.OpenBlas, MatrixKernel.Managed] : [MatrixKernel.Managed];
        using var measured = new MeasuredModel(options);
        StepMeasurement[] measurements = [.. kernels.Select(kernel => new StepMeasurement(measured, options, kernel, time))];
        try
        {
            using TorchProcess? torch = await TorchProcess.StartAsync(options, cancellationToken);
            double forward = double.PositiveInfinity, step = double.PositiveInfinity;
            for (int round = 1; round <= options.Rounds; round++)
            {
                progress(round);
                cancellationToken.ThrowIfCancellationRequested();
                Array.ForEach(measurements, measurement => measurement.Measure());
                if (torch is not null)
                {
                    forward = Math.Min(forward, await torch.MeasureAsync("forward", cancellationToken));
                    step = Math.Min(step, await torch.MeasureAsync("step", cancellationToken));
                }
            }

            StepCost cost = StepCost.Of(options.Config, options.Sequence, options.Batch);
            return new TrainingBenchmarkResult(
                measured.Model.Tensors.All.Sum(tensor => tensor.Buffer.Length),
                cost,
                [.. measurements.Select(measurement => measurement.Result(cost))],
                torch is null ? null : new TorchSpeed(
                    torch.Version, torch.Blas, torch.Threads,
                    Speed.Of(forward, cost.Tokens, cost.ForwardFlop), Speed.Of(step, cost.Tokens, cost.StepFlop)));
        }
        finally
        {
            Array.ForEach(measurements, measurement => measurement.Dispose());
        }
    }
}
