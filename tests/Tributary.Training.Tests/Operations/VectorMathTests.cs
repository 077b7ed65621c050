using System.Runtime.Intrinsics;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

public sealed class VectorMathTests
{
    [Fact]
    public void The_exponential_is_within_two_units_in_the_last_place()
    {
        for (float x = -87.2f; x < 88.2f; x += 0.00731f)
        {
            double expected = Math.Exp(x);
            float unit = MathF.BitIncrement((float)expected) - (float)expected;
            ((double)Exp(x)).ShouldBe(expected, 2 * unit, $"e^{x}");
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(-1000f, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.NaN, float.NaN)]
    public void The_exponential_of_special_values_is_right(float x, float expected) => Exp(x).ShouldBe(expected);

    [Fact]
    public void Very_large_exponents_stay_very_large() => Exp(float.PositiveInfinity).ShouldBeGreaterThan(1e38f);

    [Fact]
    public void A_maximum_does_not_hide_a_value_that_is_not_a_number()
    {
        VectorMath.Max([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).ShouldBe(10);
        float.IsNaN(VectorMath.Max([1, 2, 3, float.NaN, 5, 6, 7, 8, 9, 10])).ShouldBeTrue();
        float.IsNaN(VectorMath.Max([1, 2, 3, 4, 5, 6, 7, 8, 9, float.NaN])).ShouldBeTrue();
    }

    private static float Exp(float x) => VectorMath.Exp(Vector256.Create(x))[3];
}
