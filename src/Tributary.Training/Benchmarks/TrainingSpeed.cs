namespace Tributary.Training.Benchmarks;

/// <summary>What is measured.</summary>
/// <param name="Config">The model's sizes; its weights are random.</param>
/// <param name="Sequence">The tokens of a sequence, each of which counts in the loss; at least 1.</param>
/// <param name="Batch">The sequences of a step; at least 1.</param>
/// <param name="Threads">The threads, 1 to 256, of our training as of PyTorch's.</param>
/// <param name="Rounds">How often everything is measured, in turn; the best of each counts. At least 1.</param>
/// <param name="Pythons">Python interpreters, the first one that has torch is used; none for no comparison.</param>
public sealed record TrainingBenchmarkOptions(
    LlamaConfig Config, int Sequence, int Batch, int Threads, int Rounds, IReadOnlyList<string> Pythons);

/// <summary>One measurement: the best of some rounds.</summary>
/// <param name="Seconds">How long it took.</param>
/// <param name="TokensPerSecond">The batch's tokens by that.</param>
/// <param name="GflopPerSecond">The useful floating-point operations (<see cref="StepCost"/>) in 10^9 by that.</param>
public sealed record Speed(double Seconds, double TokensPerSecond, double GflopPerSecond)
{
    internal static Speed Of(double seconds, long tokens, double flop) => new(seconds, tokens / seconds, flop / seconds / 1e9);
}

/// <summary>Our training with one kernel for products of matrices.</summary>
/// <param name="Kernel">managed or openblas.</param>
/// <param name="PeakGflopPerSecond">The fastest of some products of square matrices, in 10^9 floating-point operations per second.</param>
/// <param name="Forward">Computing the loss.</param>
/// <param name="Step">Loss, gradients, their norm and AdamW.</param>
/// <param name="StepAllocatedBytes">
/// What a step allocates on the managed heap, in all threads of the process together: the least of the rounds, since in some of them a
/// few bytes are seen that no other has.
/// </param>
public sealed record KernelSpeed(string Kernel, double PeakGflopPerSecond, Speed Forward, Speed Step, long StepAllocatedBytes)
{
    /// <summary>A step's share of what the kernel can do.</summary>
    public double StepOfPeak => Step.GflopPerSecond / PeakGflopPerSecond;

    /// <summary>A forward pass's share of what the kernel can do.</summary>
    public double ForwardOfPeak => Forward.GflopPerSecond / PeakGflopPerSecond;
}

/// <summary>PyTorch on a model of the same sizes and a batch of the same length.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Blas">What multiplies its matrices, if it can be told.</param>
/// <param name="Threads">The threads it says it uses.</param>
/// <param name="Forward">Computing the loss, without gradients.</param>
/// <param name="Step">Loss, gradients, their norm and AdamW.</param>
public sealed record TorchSpeed(string Version, string? Blas, int Threads, Speed Forward, Speed Step);

/// <summary>All that was measured in one run.</summary>
/// <param name="Parameters">The model's parameters, a tied head counted once.</param>
/// <param name="Cost">What a batch costs.</param>
/// <param name="Kernels">Ours, the one that a training uses first.</param>
/// <param name="Torch">PyTorch; nothing where no interpreter has it.</param>
public sealed record TrainingBenchmarkResult(long Parameters, StepCost Cost, IReadOnlyList<KernelSpeed> Kernels, TorchSpeed? Torch);

/// <summary>
/// The floating-point operations that a batch cannot do without, a multiplication and an addition counted as two. Forward: two for
/// each token and each element of each matrix it is multiplied by, the head among them and the look-up in the embedding not; and
/// four for each query, each key that it sees (its own and those before) and each element of the query heads. Backward: twice
/// that. What is computed again on the way back does not count, nor do norms, exponentials and the optimizer.
/// </summary>
/// <param name="Tokens">The tokens of the batch.</param>
/// <param name="ForwardFlop">The operations of a forward pass.</param>
public sealed record StepCost(long Tokens, double ForwardFlop)
{
    /// <summary>The operations of a training step.</summary>
    public double StepFlop => 3 * ForwardFlop;

    /// <summary>Counts.</summary>
    public static StepCost Of(LlamaConfig config, int sequence, int batch)
    {
        double queries = (double)config.HeadCount * config.HeadLength, keys = (double)config.KeyValueHeadCount * config.HeadLength;
        double layer = (config.HiddenSize * ((2 * queries) + (2 * keys))) + (3.0 * config.HiddenSize * config.IntermediateSize);
        double matrices = (config.LayerCount * layer) + ((double)config.VocabularySize * config.HiddenSize);
        long tokens = (long)sequence * batch;
        double seen = batch * (sequence * (sequence + 1.0) / 2);
        return new StepCost(tokens, (2 * tokens * matrices) + (4 * seen * queries * config.LayerCount));
    }
}
