using System.Runtime.InteropServices;
using Tributary.Federation.Aggregation.Optimizers;
using Tributary.Federation.Jobs;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation.Optimizers;

/// <summary>A user who names an optimizer gets the one of its paper.</summary>
public sealed class ServerOptimizerTests
{
    private const int Rounds = 5;

    public static TheoryData<ServerOptimizerName> Optimizers => [.. Enum.GetValues<ServerOptimizerName>()];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Rounds_of_random_changes_give_the_weights_and_states_of_double_arithmetic(ServerOptimizerName name)
    {
        JobServerOptimizer settings = JobServerOptimizer.Default(name);
        var optimizer = ServerOptimizer.Create(settings);
        using MemorySource initial = Model(0, 1);
        MemorySource weights = initial;
        var states = new MemorySource?[optimizer.States.Count];
        var expected = new Dictionary<string, PlainOptimizer>();
        foreach (TensorEntry entry in initial.Manifest.Where(entry => entry.Spec.DType.IsTrainable()))
        {
            expected[entry.Spec.Name] = new PlainOptimizer(settings, initial.ReadFloats(entry.Spec.Name));
        }

        for (int round = 1; round <= Rounds; round++)
        {
            // Of a size at which tau matters and does not.
            using MemorySource change = Model(round, round % 2 == 0 ? 1e-3f : 0.3f);
            TensorSource[] next = [.. states.Select((previous, i) => optimizer.NextState(i, change, previous))];
            states = [.. next.Select(Materialized)];
            weights = Materialized(optimizer.NextWeights(weights, optimizer.StepReadsChange ? change : null, states!));
            foreach ((string tensor, PlainOptimizer plain) in expected)
            {
                plain.Step(change.ReadFloats(tensor));
                // A second moment is a sum of squares, of any size; in weights and momentum terms of about 1 may cancel.
                AssertNear(weights.ReadFloats(tensor), plain.Weights, absolute: 3e-6, relative: 0, $"{tensor} in round {round}");
                bool isMoment = optimizer.States[^1] == "second-moment";
                AssertNear(states[^1]!.ReadFloats(tensor), plain.LastState, isMoment ? 0 : 1e-6, isMoment ? 2e-6 : 0, $"the last state of {tensor} in round {round}");
            }

            weights.ReadTensor("steps").ShouldBe(change.ReadTensor("steps"), "tensors that nobody trains pass through");
        }
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void States_and_weights_of_several_tiles_are_the_same_bytes_by_any_number_of_threads(ServerOptimizerName name)
    {
        var optimizer = ServerOptimizer.Create(JobServerOptimizer.Default(name));
        MemorySource[] large = RandomUpdates.Large(4);
        TensorSource[] states = [.. optimizer.States.Select((_, i) => optimizer.NextState(i, large[0], optimizer.NextState(i, large[1], null)))];
        using TensorSource weights = optimizer.NextWeights(large[2], large[0], states);
        string digest = RandomUpdates.Digest(weights, threads: 1);
        RandomUpdates.Digest(weights, threads: 6).ShouldBe(digest);
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void A_state_of_other_tensors_than_the_model_is_refused_by_name(ServerOptimizerName name)
    {
        var optimizer = ServerOptimizer.Create(JobServerOptimizer.Default(name));
        using var change = new MemorySource(MemorySource.F32("w", [1], 1));
        using var other = new MemorySource(MemorySource.F32("v", [1], 1));
        Should.Throw<TensorFormatException>(() => optimizer.NextState(0, change, other)).Message.ShouldBe("tensor 'w' is missing");
    }

    [Fact]
    public void A_step_that_leaves_the_range_of_floats_is_an_error_and_not_infinity_in_the_model()
    {
        var optimizer = ServerOptimizer.Create(JobServerOptimizer.Default(ServerOptimizerName.FedAvgM) with { LearningRate = 900 });
        using var change = new MemorySource(MemorySource.F32("w", [1], 1e37f));
        using TensorSource state = optimizer.NextState(0, change, null);
        using TensorSource weights = optimizer.NextWeights(change, null, [state]);
        Should.Throw<TensorFormatException>(() => weights.ReadTensor("w")).Message
            .ShouldBe("tensor 'w': the server optimizer's step leaves the range of fp32; lower its learning_rate");
        using var adam = ServerOptimizer.Create(JobServerOptimizer.Default(ServerOptimizerName.FedAdam)).NextState(1, change, null);
        Should.Throw<TensorFormatException>(() => adam.ReadTensor("w")).Message
            .ShouldBe("tensor 'w': the server optimizer's state 'second-moment' is too large for fp32; the sites' updates are");
    }

    private static MemorySource Model(int seed, float scale) => new(
        MemorySource.Gaussian("a", DType.F32, [37, 11], 10 * seed, scale),
        MemorySource.Gaussian("b", DType.BF16, [5, 1, 3], (10 * seed) + 1, scale),
        MemorySource.Gaussian("scalar", DType.F32, [], (10 * seed) + 2, scale),
        MemorySource.F32("empty", [0, 3]),
        (new TensorSpec("steps", DType.I64, new TensorShape(1)), MemoryMarshal.AsBytes(new[] { 100L + seed }.AsSpan()).ToArray()));

    /// <summary>A source as a file would hold it.</summary>
    private static MemorySource Materialized(TensorSource source) => new([.. source.Manifest.Select(entry => (entry.Spec, source.ReadTensor(entry.Spec.Name)))]);

    private static void AssertNear(float[] found, double[] expected, double absolute, double relative, string what)
    {
        for (int i = 0; i < found.Length; i++)
        {
            Math.Abs(found[i] - expected[i]).ShouldBeLessThanOrEqualTo(absolute + (relative * Math.Abs(expected[i])), $"{what}, element {i}");
        }
    }
}
