namespace Tributary.Privacy.Accounting;

/// <summary>
/// What has been spent, as a Renyi divergence at each of many orders. Spending adds up order by order; a statement (epsilon, delta) is made of the order that
/// gives the smallest epsilon.
/// </summary>
public sealed class RenyiCurve
{
    private readonly double[] _divergences;

    private RenyiCurve(double[] divergences) => _divergences = divergences;

    /// <summary>
    /// The orders: 1.1 to 10.9 by tenths, 11 to 63, 128, 256, 512, 1024. These are the defaults of Google's dp_accounting (as of Opacus, but for the last four), so figures
    /// compare.
    /// </summary>
    public static IReadOnlyList<double> Orders { get; } =
        [.. Enumerable.Range(1, 99).Select(tenth => 1 + (tenth / 10.0)), .. Enumerable.Range(11, 53).Select(order => (double)order), 128, 256, 512, 1024];

    /// <summary>Nothing spent.</summary>
    public static RenyiCurve Zero { get; } = new(new double[Orders.Count]);

    /// <summary>The divergences, one for each of <see cref="Orders"/>.</summary>
    public IReadOnlyList<double> Divergences => _divergences;

    /// <summary>What one use of a mechanism spends.</summary>
    public static RenyiCurve Of(Mechanism mechanism) => new([.. Orders.Select(mechanism.RenyiDivergence)]);

    /// <summary>What both spend, one after the other.</summary>
    public static RenyiCurve operator +(RenyiCurve first, RenyiCurve second) => first.Plus(second, 1);

    /// <summary>What both spend, one after the other.</summary>
    public static RenyiCurve Add(RenyiCurve first, RenyiCurve second) => first + second;

    /// <summary>What so many uses spend.</summary>
    public RenyiCurve Times(long count) => Zero.Plus(this, count);

    /// <summary>This, and so many times another.</summary>
    public RenyiCurve Plus(RenyiCurve other, long count) => new([.. _divergences.Zip(other._divergences, (mine, theirs) => mine + (count * theirs))]);

    /// <summary>The smallest epsilon at a delta, from 0 to infinity.</summary>
    /// <param name="delta">Delta, above 0 and below 1.</param>
    public double Epsilon(double delta) => Best(delta).Epsilon;

    /// <summary>The smallest epsilon at a delta, and the order it is of.</summary>
    /// <remarks>
    /// Proposition 12 of Canonne, Kamath and Steinke 2020 (https://arxiv.org/abs/2004.00010), also theorem 21 of Balle et al. 2020
    /// (https://arxiv.org/abs/1905.09982): epsilon = r + log((alpha - 1) / alpha) - log(delta alpha) / (alpha - 1). Where the divergence is so small that
    /// the total variation is within delta (Bretagnolle and Huber: at most sqrt(1 - e^-r)), it is 0.
    /// </remarks>
    public (double Epsilon, double Order) Best(double delta)
    {
        if (delta is not (> 0 and < 1))
        {
            throw new ArgumentException($"Delta is {delta}, but should be above 0 and below 1.", nameof(delta));
        }

        (double Epsilon, double Order) best = (double.PositiveInfinity, Orders[0]);
        double nothing = -LogSpace.Log1P(-delta * delta);
        for (int i = 0; i < _divergences.Length; i++)
        {
            double order = Orders[i];
            double epsilon = _divergences[i] <= nothing
                ? 0
                : Math.Max(0, _divergences[i] + LogSpace.Log1P(-1 / order) - (Math.Log(delta * order) / (order - 1)));
            if (epsilon < best.Epsilon)
            {
                best = (epsilon, order);
            }
        }

        return best;
    }
}
