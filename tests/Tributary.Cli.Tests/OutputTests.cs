using Tributary.Cli.Terminal;

namespace Tributary.Cli.Tests;

public sealed class OutputTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(157_736, "154 KiB")]
    [InlineData(5L << 30, "5.0 GiB")]
    [InlineData(long.MaxValue, "8388608 TiB")]
    public void Bytes_are_shown_in_the_unit_that_suits_them(long bytes, string expected) => Output.Bytes(bytes).ShouldBe(expected);

    [Theory]
    [InlineData(0.4, "0 s")]
    [InlineData(59.4, "59 s")]
    [InlineData(187, "3:07")]
    [InlineData(3661, "1:01:01")]
    public void Times_are_shown_as_people_read_them(double seconds, string expected) => Output.Time(seconds).ShouldBe(expected);

    [Theory]
    [InlineData(0, "0")]
    [InlineData(999.4, "999")]
    [InlineData(999.6, "1.0k")]
    [InlineData(4120, "4.1k")]
    [InlineData(999_960, "1.0M")]
    public void Speeds_fit_into_a_narrow_column(double number, string expected) => Output.Short(number).ShouldBe(expected);

    [Fact]
    public void A_share_of_nothing_is_not_a_number() => Output.Percent(1, 0).ShouldBe("-");
}
