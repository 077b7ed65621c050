namespace Tributary.Privacy.Accounting;

/// <summary>
/// The sum of integer vectors to which each of several parties has added discrete Gaussian noise of its own, and of which nobody sees a part. The sum of discrete
/// Gaussians is nearly one, and how nearly is in the bound. With one party it is the discrete Gaussian itself.
/// </summary>
/// <remarks>
/// Kairouz, Liu and Steinke 2021, https://arxiv.org/abs/2102.06387, proposition 14; one party: Canonne, Kamath and Steinke 2020, https://arxiv.org/abs/2004.00010,
/// theorem 4. All lengths are in steps of the integers' grid. No gain is claimed for sampling parties.
/// </remarks>
/// <param name="Deviation">The sigma of each party's noise, at least 1/2.</param>
/// <param name="Parties">How many parties' noise is in every sum that is released and unknown to whoever looks: those that survive at the threshold, less those that may collude.</param>
/// <param name="Dimension">The number of elements.</param>
/// <param name="Sensitivity">The L2 norm of one unit's contribution after rounding, see <see cref="SensitivityAfterRounding"/>.</param>
public sealed record DistributedDiscreteGaussian(double Deviation, int Parties, long Dimension, double Sensitivity) : Mechanism
{
    /// <summary>The sigma of each party's noise.</summary>
    public double Deviation { get; } = Deviation >= 0.5 && double.IsFinite(Deviation)
        ? Deviation
        : throw new ArgumentException($"The deviation is {Deviation} steps of the grid, but the bound holds from 0.5; take a finer grid.");

    /// <summary>How many parties' noise is in every sum.</summary>
    public int Parties { get; } = (int)Positive(Parties, "number of parties");

    /// <summary>The number of elements.</summary>
    public long Dimension { get; } = (long)Positive(Dimension, "number of elements");

    /// <summary>The L2 norm of one unit's contribution after rounding.</summary>
    public double Sensitivity { get; } = Positive(Sensitivity, "sensitivity");

    /// <summary>
    /// What the L2 norm of a contribution can be after its elements are rounded to the grid, each up or down by chance: norm + sqrt(d). Where the rounding is drawn
    /// again until the norm is within the smaller bound of the paper's proposition 22, that one.
    /// </summary>
    /// <param name="norm">The norm before, in steps of the grid.</param>
    /// <param name="dimension">The number of elements.</param>
    /// <param name="beta">The probability that rounding is drawn again, below 1; 0 where it never is.</param>
    public static double SensitivityAfterRounding(double norm, long dimension, double beta = 0)
    {
        double root = Math.Sqrt(dimension);
        double always = norm + root;
        return beta == 0 ? always : Math.Min(always, Math.Sqrt((norm * norm) + (0.25 * dimension) + (Math.Sqrt(2 * Math.Log(1 / beta)) * (norm + (0.5 * root)))));
    }

    /// <inheritdoc/>
    public override double RenyiDivergence(double order)
    {
        double gap = Gap();
        double root = Math.Sqrt(Dimension);
        double scale = Sensitivity / (Math.Sqrt(Parties) * Deviation);
        // Integer vectors have no more of the L1 norm than their squared L2 norm.
        double scaleL1 = scale * Math.Min(root, Sensitivity);
        double square = scale * scale;
        double split = (order / 2 * square) + (gap * Dimension);
        double crossed = order / 2 * (square + (2 * scaleL1 * gap) + (gap * gap * Dimension));
        double summed = order / 2 * (scale + (root * gap)) * (scale + (root * gap));
        return Math.Min(split, Math.Min(crossed, summed));
    }

    /// <inheritdoc/>
    public override string ToString() => $"discrete Gaussian noise of deviation {Deviation} by each of {Parties} parties on {Dimension} elements of sensitivity {Sensitivity}";

    /// <summary>tau: how far the sum is from a discrete Gaussian, per element.</summary>
    private double Gap()
    {
        double sum = 0;
        for (int k = 1; k < Parties; k++)
        {
            sum += Math.Exp(-2 * Math.PI * Math.PI * Deviation * Deviation * k / (k + 1));
        }

        return 10 * sum;
    }
}
