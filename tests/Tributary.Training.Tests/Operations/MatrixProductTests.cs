using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

public sealed class MatrixProductTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 1 }, { 5, 16, 3 }, { 6, 17, 8 }, { 7, 31, 64 }, { 8, 16, 16 }, { 13, 400, 2 }, { 100, 33, 321 }, { 97, 15, 700 }, { 3, 5, 0 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_product_of_matrices_of_every_size_is_right(int rows, int columns, int inner)
    {
        using var workers = new Workers(1);
        using FloatBuffer a = Numbers.Random(rows * inner, 1), b = Numbers.Random(inner * columns, 2), start = Numbers.Random(rows * columns, 3);
        double[] left = a.Doubles(), right = b.Doubles(), initial = start.Doubles();
        double[] Expected(Func<int, int, double> x, Func<int, int, double> y, bool accumulate) =>
            [.. Enumerable.Range(0, rows * columns).Select(i => (accumulate ? initial[i] : 0)
                + Enumerable.Range(0, inner).Sum(k => x(i / columns, k) * y(k, i % columns)))];
        foreach (bool accumulate in (bool[])[false, true])
        {
            using FloatBuffer c = Copy(start), transposed = Copy(start), both = Copy(start);
            MatrixProduct.Times(a.Matrix(rows, inner), b.Matrix(inner, columns), c.Matrix(rows, columns), accumulate, workers);
            c.ShouldBeNear(Expected((i, k) => left[(i * inner) + k], (k, j) => right[(k * columns) + j], accumulate), 1e-5, "a b");
            MatrixProduct.TimesTransposed(
                a.Matrix(rows, inner), b.Matrix(columns, inner), transposed.Matrix(rows, columns), accumulate, workers);
            transposed.ShouldBeNear(Expected((i, k) => left[(i * inner) + k], (k, j) => right[(j * inner) + k], accumulate), 1e-5, "a bT");
            MatrixProduct.TransposedTimes(a.Matrix(inner, rows), b.Matrix(inner, columns), both.Matrix(rows, columns), accumulate, workers);
            both.ShouldBeNear(Expected((i, k) => left[(k * rows) + i], (k, j) => right[(k * columns) + j], accumulate), 1e-5, "aT b");
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_number_of_threads_does_not_change_a_byte(int rows, int columns, int inner)
    {
        using FloatBuffer a = Numbers.Random(rows * inner, 1), b = Numbers.Random(inner * columns, 2);
        float[] Product(int threads)
        {
            using var workers = new Workers(threads);
            using var c = new FloatBuffer(rows * columns);
            MatrixProduct.TimesTransposed(a.Matrix(rows, inner), b.Matrix(columns, inner), c.Matrix(rows, columns), false, workers);
            return c.Span(0, rows * columns).ToArray();
        }

        float[] one = Product(1);
        Product(2).ShouldBe(one);
        Product(3).ShouldBe(one);
    }

    [Fact]
    public void Matrices_that_do_not_fit_together_are_refused_before_memory_is_touched()
    {
        using var workers = new Workers(1);
        using var buffer = new FloatBuffer(12);
        Should.Throw<ArgumentException>(() =>
            MatrixProduct.Times(buffer.Matrix(3, 4), buffer.Matrix(3, 4), buffer.Matrix(3, 4), false, workers));
    }

    private static FloatBuffer Copy(FloatBuffer source)
    {
        var copy = new FloatBuffer(source.Length);
        source.Span(0, (int)source.Length).CopyTo(copy.Span(0, (int)source.Length));
        return copy;
    }
}
