using System.Globalization;

namespace Tributary.Training.Optimization;

/// <summary>The best of the models that a training has come by, and how long ago that was: the memory of an <see cref="EarlyStop"/>.</summary>
internal sealed class BestModel : IDisposable
{
    private readonly EarlyStop _rule;
    private readonly TrainableModel _model;
    private readonly int _threads;

    public BestModel(EarlyStop rule, TrainableModel model, int threads)
    {
        _rule = rule;
        _model = model;
        _threads = threads;
        Weights = ParameterSet.Like(model.Trained);
    }

    /// <summary>The weights of the best model so far.</summary>
    public ParameterSet Weights { get; }

    /// <summary>Whether it is long enough ago that the loss was the lowest.</summary>
    public bool IsStale => Worse >= _rule.Patience;

    /// <summary>The lowest loss so far.</summary>
    public double Loss { get; private set; } = double.PositiveInfinity;

    private int Worse { get; set; }

    /// <summary>Measures the model after a step, if it is time to.</summary>
    /// <param name="step">The steps done; 0 before the first.</param>
    /// <param name="isLast">Whether it was the last one.</param>
    /// <param name="cancellationToken">Ends the measurement.</param>
    public void Look(int step, bool isLast, CancellationToken cancellationToken)
    {
        if (step % _rule.Every != 0 && !isLast)
        {
            return;
        }

        double loss = Evaluator.Evaluate(_model, _rule.HeldOut, _threads, cancellationToken).MeanLoss;
        if (loss < Loss)
        {
            (Loss, Worse) = (loss, 0);
            Weights.CopyFrom(_model.Trained);
        }
        else
        {
            Worse++;
        }
    }

    /// <summary>Makes the best model the one that is trained. A model whose loss was never a number stays as it is.</summary>
    public void Restore()
    {
        if (double.IsFinite(Loss))
        {
            _model.Trained.CopyFrom(Weights);
        }
    }

    /// <summary>What a checkpoint notes beside the weights.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture, $"{Loss:R} {Worse}");

    /// <summary>Takes over what <see cref="Describe"/> gave; the weights are the caller's to read.</summary>
    public void Resume(string description)
    {
        string[] parts = description.Split(' ');
        (Loss, Worse) = (double.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    public void Dispose() => Weights.Dispose();
}
