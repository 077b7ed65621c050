namespace Tributary.Privacy.Accounting;

/// <summary>Arithmetic on logarithms, for moments that no double can hold and differences that vanish beside one.</summary>
internal static class LogSpace
{
    private const double LogSqrtPi = 0.57236494292470008707;

    /// <summary>log(e^a + e^b).</summary>
    public static double Add(double a, double b)
    {
        (double low, double high) = a < b ? (a, b) : (b, a);
        return double.IsNegativeInfinity(low) ? high : high + Log1P(Math.Exp(low - high));
    }

    /// <summary>log(e^a - e^b), for a at least b.</summary>
    public static double Subtract(double a, double b) => double.IsNegativeInfinity(b) ? a : a + Log1P(-Math.Exp(b - a));

    /// <summary>log(1 + x), exact to rounding also where 1 + x would be 1 (Kahan's correction).</summary>
    public static double Log1P(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * (x / (sum - 1));
    }

    /// <summary>log(e^x - 1), for x above 0.</summary>
    public static double LogExpM1(double x)
    {
        if (x > 40)
        {
            return x;
        }

        double power = Math.Exp(x);
        return Math.Log(power == 1 ? x : (power - 1) * (x / Math.Log(power)));
    }

    /// <summary>
    /// log(erfc(x)) for any x: a power series where erfc is not small, a continued fraction where it is (Abramowitz and Stegun 7.1.6 and 7.1.14).
    /// </summary>
    public static double LogErfc(double x) => x switch
    {
        < -6 => Math.Log(2),
        < 0 => Log1P(Erf(-x)),
        < 2 => Log1P(-Erf(x)),
        _ => -(x * x) - LogSqrtPi + Math.Log(ErfcFraction(x)),
    };

    /// <summary>erf(x) for x from 0 to 6: a series of positive terms, so nothing cancels.</summary>
    private static double Erf(double x)
    {
        double term = x;
        double sum = x;
        for (int n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>sqrt(pi) e^(x^2) erfc(x) for x from 2: x + (1/2)/(x + 1/(x + (3/2)/(x + ...))), of which 60 levels are far more than enough there.</summary>
    private static double ErfcFraction(double x)
    {
        double tail = x;
        for (int level = 60; level >= 1; level--)
        {
            tail = x + (level / 2.0 / tail);
        }

        return 1 / tail;
    }
}
