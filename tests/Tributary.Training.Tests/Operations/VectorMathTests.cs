using System.Runtime.Intrinsics;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

public sealed class VectorMathTests
{
    [Fact]
    public void The_exponentials_are_right_to_a_few_units_in_the_last_place()
    {
        for (float x = -86.99f; x <= 88f; x += 0.00731f)
        {
            ((double)Exp(x)).ShouldBe(Math.Exp(x), 4e-7 * Math.Exp(x), $"e^{x}");
            float binary = x * 1.44f;
            ((double)Exp2(binary)).ShouldBe(Math.Pow(2, binary), 4e-7 * Math.Pow(2, binary), $"2^{binary}");
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(-1000f, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.NaN, float.NaN)]
    public void The_exponentials_of_special_values_are_right(float x, float expected)
    {
        Exp(x).ShouldBe(expected);
        Exp2(x).ShouldBe(expected);
    }

    [Fact]
    public void The_largest_exponent_gives_a_number() => Exp(88).ShouldBe(1.6516363e38f, 1e32f);

    [Fact]
    public void A_maximum_does_not_hide_a_value_that_is_not_a_number()
    {
        VectorMath.Max([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).ShouldBe(10);
        float.IsNaN(VectorMath.Max([1, 2, 3, float.NaN, 5, 6, 7, 8, 9, 10])).ShouldBeTrue();
        float.IsNaN(VectorMath.Max([1, 2, 3, 4, 5, 6, 7, 8, 9, float.NaN])).ShouldBeTrue();
    }

    private static float Exp2(float x) => VectorMath.Exp2(Vector256.Create(x))[5];

    private static float Exp(float x) => VectorMath.Exp(Vector256.Create(x))[3];
}
