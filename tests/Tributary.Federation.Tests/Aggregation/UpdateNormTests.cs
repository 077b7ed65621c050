using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

/// <summary>A wrong norm refuses an honest site, or lets poison pass.</summary>
public sealed class UpdateNormTests
{
    [Fact]
    public void It_is_the_norm_over_all_tensors_tiles_and_tails()
    {
        using var update = new MemorySource(
            MemorySource.Gaussian("a", DType.F32, [1030, 1024], 1), MemorySource.Gaussian("b", DType.BF16, [129, 65], 2), MemorySource.Gaussian("c", DType.F32, [7], 3));
        double squares = update.Manifest.Sum(entry => update.ReadFloats(entry.Spec.Name).Sum(value => (double)value * value));
        UpdateNorm.Of(update, TestContext.Current.CancellationToken).ShouldBe(Math.Sqrt(squares), 1e-9 * Math.Sqrt(squares));
    }

    [Fact]
    public void Values_whose_squares_are_beyond_fp32_have_a_norm() =>
        UpdateNorm.Of(new ArraySource(("w", new TensorShape(2), [3e38f, -3e38f])), TestContext.Current.CancellationToken).ShouldBe(3e38 * Math.Sqrt(2), 1e32);

    [Theory]
    [InlineData(float.NaN, 3)]
    [InlineData(float.NegativeInfinity, 16)]
    public void A_value_that_is_none_is_refused_with_its_tensor(float value, int place)
    {
        float[] values = new float[17];
        values[place] = value;
        using var update = new ArraySource(("fine", new TensorShape(1), [1]), ("broken", new TensorShape(17), values));
        Should.Throw<TensorFormatException>(() => UpdateNorm.Of(update, TestContext.Current.CancellationToken)).Message.ShouldContain("'broken'");
    }

    [Fact]
    public void The_screen_refuses_what_is_beyond_the_limit_times_the_median_and_nothing_where_there_are_too_few_to_tell()
    {
        NormScreen.Refuse([("a", 1), ("b", 2), ("c", 30)], 10).ShouldHaveSingleItem().ShouldBe(("c", "the norm of its update is 30, which is 15 times the median of 2, and norm_limit is 10"));
        NormScreen.Refuse([("a", 1), ("b", 2), ("c", 20)], 10).ShouldBeEmpty();
        NormScreen.Refuse([("a", 1), ("b", 2), ("c", 30)], 0).ShouldBeEmpty();
        NormScreen.Refuse([("a", 1), ("b", 1e9)], 10).ShouldBeEmpty();
        NormScreen.Refuse([("a", 0), ("b", 0), ("c", 1)], 10).ShouldBeEmpty();
    }
}
