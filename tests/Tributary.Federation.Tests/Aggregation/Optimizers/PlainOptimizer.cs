using Tributary.Federation.Jobs;

namespace Tributary.Federation.Tests.Aggregation.Optimizers;

/// <summary>The papers' formulas in double, an element at a time. The gradient is minus the change.</summary>
internal sealed class PlainOptimizer
{
    private readonly JobServerOptimizer _settings;
    private readonly double[] _m;
    private readonly double[] _v;

    public PlainOptimizer(JobServerOptimizer settings, float[] weights)
    {
        _settings = settings;
        Weights = [.. weights.Select(weight => (double)weight)];
        _m = new double[weights.Length];
        _v = [.. Enumerable.Repeat(settings.Tau * settings.Tau, weights.Length)];
    }

    public double[] Weights { get; }

    public double[] LastState => _settings.Name is ServerOptimizerName.FedAvgM or ServerOptimizerName.DiLoCo ? _m : _v;

    public void Step(float[] change)
    {
        for (int i = 0; i < change.Length; i++)
        {
            Weights[i] += _settings.LearningRate * Direction(i, change[i]);
        }
    }

    private double Direction(int i, double change)
    {
        double square = change * change;
        switch (_settings.Name)
        {
            case ServerOptimizerName.FedAvgM:
                return _m[i] = (_settings.Momentum * _m[i]) + change;
            case ServerOptimizerName.DiLoCo:
                _m[i] = (_settings.Momentum * _m[i]) + change;
                return change + (_settings.Momentum * _m[i]);
            case ServerOptimizerName.FedAdagrad:
                _v[i] += square;
                return change / (Math.Sqrt(_v[i]) + _settings.Tau);
            case ServerOptimizerName.FedAdam:
                _v[i] = (_settings.Beta2 * _v[i]) + ((1 - _settings.Beta2) * square);
                break;
            default:
                _v[i] -= (1 - _settings.Beta2) * square * Math.Sign(_v[i] - square);
                break;
        }

        _m[i] = (_settings.Beta1 * _m[i]) + ((1 - _settings.Beta1) * change);
        return _m[i] / (Math.Sqrt(_v[i]) + _settings.Tau);
    }
}
