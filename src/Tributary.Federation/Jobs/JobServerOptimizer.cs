namespace Tributary.Federation.Jobs;

/// <summary>What the server makes of the mean change of a round.</summary>
public enum ServerOptimizerName
{
    /// <summary>Momentum (Hsu et al. 2019).</summary>
    FedAvgM,

    /// <summary>Adagrad (Reddi et al. 2020).</summary>
    FedAdagrad,

    /// <summary>Adam (Reddi et al. 2020).</summary>
    FedAdam,

    /// <summary>Yogi (Reddi et al. 2020).</summary>
    FedYogi,

    /// <summary>DiLoCo's outer optimizer, Nesterov's momentum (Douillard et al. 2023).</summary>
    DiLoCo,
}

/// <summary>An optimizer at the server: the mean change of a round is its gradient, with the sign turned. Without one the change itself is added.</summary>
/// <param name="Name">Which.</param>
/// <param name="LearningRate">The step size, above 0.</param>
/// <param name="Momentum">For FedAvgM and DiLoCo: what is kept of the steps before, from 0 and below 1.</param>
/// <param name="Beta1">For FedAdam and FedYogi: what is kept of the first moment, from 0 and below 1.</param>
/// <param name="Beta2">For FedAdam and FedYogi: what is kept of the second moment, from 0 and below 1.</param>
/// <param name="Tau">For the adaptive ones: what is added to the square root of the second moment, above 0; the larger, the less they adapt.</param>
public sealed record JobServerOptimizer(ServerOptimizerName Name, double LearningRate, double Momentum = 0, double Beta1 = 0, double Beta2 = 0, double Tau = 0)
{
    /// <summary>The optimizer with its paper's settings.</summary>
    public static JobServerOptimizer Default(ServerOptimizerName name) => name switch
    {
        ServerOptimizerName.FedAvgM => new(name, LearningRate: 1, Momentum: 0.9),
        ServerOptimizerName.FedAdagrad => new(name, LearningRate: 0.01, Tau: 1e-3),
        ServerOptimizerName.FedAdam or ServerOptimizerName.FedYogi => new(name, LearningRate: 0.01, Beta1: 0.9, Beta2: 0.99, Tau: 1e-3),
        ServerOptimizerName.DiLoCo => new(name, LearningRate: 0.7, Momentum: 0.9),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };
}
