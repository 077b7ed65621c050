using Tributary.Site.Rules;

namespace Tributary.Site.Tests.Rules;

/// <summary>A clinic whose machines are for patients by day.</summary>
public sealed class OpenHoursTests
{
    [Theory]
    [InlineData("20:00-06:00", "2025-01-01T19:59:59", false)]
    [InlineData("20:00-06:00", "2025-01-01T20:00:00", true)]
    [InlineData("20:00-06:00", "2025-01-02T00:00:00", true)]
    [InlineData("20:00-06:00", "2025-01-02T05:59:59", true)]
    [InlineData("20:00-06:00", "2025-01-02T06:00:00", false)]
    [InlineData("12:00 - 13:30", "2025-01-02T13:29:00", true)]
    [InlineData("12:00 - 13:30", "2025-01-02T13:30:00", false)]
    public void Hours_go_over_midnight_where_they_end_before_they_begin(string hours, string now, bool isOpen) =>
        OpenHours.Parse(hours, TimeZoneInfo.Utc)!.IsOpen(new DateTimeOffset(DateTime.Parse(now), TimeSpan.Zero)).ShouldBe(isOpen);

    [Theory]
    [InlineData("2025-03-29T21:00:00Z", true)] // 22:00 in winter
    [InlineData("2025-03-30T20:30:00Z", true)] // 22:30 in summer, since that night
    [InlineData("2025-03-30T19:30:00Z", false)]
    [InlineData("2025-10-26T20:30:00Z", false)] // 21:30 in winter again
    public void Hours_are_those_of_the_zones_clocks_also_in_summer(string now, bool isOpen) =>
        OpenHours.Parse("22:00-04:00", TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"))!.IsOpen(DateTimeOffset.Parse(now)).ShouldBe(isOpen);

    [Theory]
    [InlineData("20:00")]
    [InlineData("20-06")]
    [InlineData("24:00-06:00")]
    [InlineData("08:00-08:00")]
    [InlineData("8pm-6am")]
    public void What_is_no_span_of_a_day_is_refused(string hours) => OpenHours.Parse(hours, TimeZoneInfo.Utc).ShouldBeNull();
}
