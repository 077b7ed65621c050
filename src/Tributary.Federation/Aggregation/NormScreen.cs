using System.Globalization;

namespace Tributary.Federation.Aggregation;

/// <summary>
/// Finds updates whose norm is far beyond what the others' are: broken training or poison (Sun et al. 2019, "Can You Really Backdoor Federated
/// Learning?", bound norms for that reason). The median is no single site's to move, as long as most are honest.
/// </summary>
public static class NormScreen
{
    // With two there is no telling which of them is out of line.
    private const int UpdatesMin = 3;

    /// <summary>The updates that are refused, each with the reason.</summary>
    /// <param name="updates">What names an update, such as its site, and the L2 norm of its change.</param>
    /// <param name="limit">The multiple of the median norm above which an update is refused; 0 for none.</param>
    public static IReadOnlyList<(T Update, string Reason)> Refuse<T>(IReadOnlyList<(T Update, double Norm)> updates, double limit)
    {
        if (limit <= 0 || updates.Count < UpdatesMin)
        {
            return [];
        }

        double[] sorted = [.. updates.Select(update => update.Norm).Order()];
        double median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        return median <= 0 ? [] : [.. updates.Where(update => update.Norm > limit * median).Select(update => (update.Update, Reason(update.Norm, median, limit)))];
    }

    private static string Reason(double norm, double median, double limit) => string.Create(
        CultureInfo.InvariantCulture, $"the norm of its update is {norm:G4}, which is {norm / median:0.#} times the median of {median:G4}, and norm_limit is {limit:0.##}");
}
