using System.Globalization;

namespace Tributary.Site.Rules;

/// <summary>The hours of the day in which a site takes tasks, such as 20:00 to 06:00.</summary>
/// <param name="From">The first minute of them.</param>
/// <param name="To">The first minute after them. Where it is before <paramref name="From"/> they go over midnight.</param>
/// <param name="Zone">Whose clocks are meant.</param>
public sealed record OpenHours(TimeOnly From, TimeOnly To, TimeZoneInfo Zone)
{
    private const string Format = "HH:mm";

    /// <summary>Whether a moment is within them, as the zone's clocks show it: on a night when these are moved the hours are longer or shorter.</summary>
    public bool IsOpen(DateTimeOffset now) => TimeOnly.FromTimeSpan(TimeZoneInfo.ConvertTime(now, Zone).TimeOfDay).IsBetween(From, To);

    /// <summary>Reads <c>20:00-06:00</c>; null where it is not of that form, or begins when it ends.</summary>
    public static OpenHours? Parse(string text, TimeZoneInfo zone)
    {
        string[] ends = text.Split('-');
        return ends.Length == 2 && Read(ends[0], out TimeOnly from) && Read(ends[1], out TimeOnly to) && from != to ? new OpenHours(from, to, zone) : null;

        static bool Read(string end, out TimeOnly time) => TimeOnly.TryParseExact(end.Trim(), Format, CultureInfo.InvariantCulture, DateTimeStyles.None, out time);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{From.ToString(Format, CultureInfo.InvariantCulture)} to {To.ToString(Format, CultureInfo.InvariantCulture)} ({Zone.Id})";

    /// <summary>When they begin again, for people.</summary>
    internal string Opening => From.ToString(Format, CultureInfo.InvariantCulture);
}
