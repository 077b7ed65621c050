using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

/// <summary>Each operation beside a readable one in double precision, and its gradients beside that one's finite differences.</summary>
public sealed class OperationGradientTests
{
    private const double Tolerance = 2e-5;

    [Theory]
    [InlineData(1, 5)]
    [InlineData(4, 16)]
    [InlineData(3, 27)]
    public void The_gradients_of_an_RMS_norm_are_right(int rows, int columns)
    {
        const float Epsilon = 1e-3f;
        using FloatBuffer x = Numbers.Random(rows * columns, 1), w = Numbers.Random(columns, 2), dy = Numbers.Random(rows * columns, 3);
        using FloatBuffer y = new(rows * columns), dx = new(rows * columns), dw = new(columns);
        var inverse = new float[rows];
        RmsNorm.Forward(x.Matrix(rows, columns), w.Matrix(1, columns), Epsilon, y.Matrix(rows, columns), inverse);
        RmsNorm.Backward(
            x.Matrix(rows, columns), w.Matrix(1, columns), inverse, dy.Matrix(rows, columns), dx.Matrix(rows, columns), dw.Matrix(1, columns));

        double[] Reference(double[] input, double[] weight) => [.. Enumerable.Range(0, rows * columns).Select(i =>
        {
            IEnumerable<double> row = input.Skip(i / columns * columns).Take(columns);
            return input[i] * weight[i % columns] / Math.Sqrt(row.Average(value => value * value) + Epsilon);
        })];
        y.ShouldBeNear(Reference(x.Doubles(), w.Doubles()), Tolerance, "y");
        dx.ShouldBeNear(Numbers.Derivative(input => Reference(input, w.Doubles()), x.Doubles(), dy.Doubles()), Tolerance, "dx");
        dw.ShouldBeNear(Numbers.Derivative(weight => Reference(x.Doubles(), weight), w.Doubles(), dy.Doubles()), Tolerance, "dw");
    }

    [Theory]
    [InlineData(8)]
    [InlineData(21)]
    public void The_gradients_of_SwiGLU_are_right(int length)
    {
        using FloatBuffer gate = Numbers.Random(length, 1), up = Numbers.Random(length, 2), dy = Numbers.Random(length, 3), y = new(length);
        static double[] Reference(double[] g, double[] u) => [.. g.Zip(u, (a, b) => a / (1 + Math.Exp(-a)) * b)];
        double[] gates = gate.Doubles(), ups = up.Doubles();
        SwiGlu.Forward(gate.Matrix(1, length), up.Matrix(1, length), y.Matrix(1, length));
        y.ShouldBeNear(Reference(gates, ups), Tolerance, "y");

        SwiGlu.BackwardInPlace(gate.Matrix(1, length), up.Matrix(1, length), dy.Matrix(1, length));
        gate.ShouldBeNear(Numbers.Derivative(g => Reference(g, ups), [.. gates], dy.Doubles()), Tolerance, "dgate");
        up.ShouldBeNear(Numbers.Derivative(u => Reference(gates, u), [.. ups], dy.Doubles()), Tolerance, "dup");
    }

    [Theory]
    [InlineData(3, 2)]
    [InlineData(3, 37)]
    public void The_gradient_of_the_cross_entropy_is_right(int rows, int columns)
    {
        using FloatBuffer logits = Numbers.Random(rows * columns, 1);
        int[] targets = [.. Enumerable.Range(0, rows).Select(row => row * 7 % columns)];
        double[] Reference(double[] input) => [.. Enumerable.Range(0, rows).Select(row =>
        {
            double[] values = input[(row * columns)..((row + 1) * columns)];
            return Math.Log(values.Sum(Math.Exp)) - values[targets[row]];
        })];
        double[] before = logits.Doubles();
        var losses = new float[rows];
        CrossEntropy.ForwardBackward(logits.Matrix(rows, columns), targets, 1f / rows, losses);
        logits.ShouldBeNear(
            Numbers.Derivative(Reference, [.. before], [.. Enumerable.Repeat(1.0 / rows, rows)]), Tolerance, "dlogits");
        double[] expected = Reference(before);
        for (int row = 0; row < rows; row++)
        {
            ((double)losses[row]).ShouldBe(expected[row], 1e-5);
        }
    }

    [Theory]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(18)]
    public void The_gradient_of_a_rotation_is_the_rotation_back(int length)
    {
        const int Heads = 2;
        int[] positions = [0, 1, 2, 0, 9];
        int size = positions.Length * Heads * length, half = length / 2;
        double[] Reference(double[] input) => [.. Enumerable.Range(0, size).Select(i =>
        {
            int place = i % length;
            double angle = positions[i / (Heads * length)] * Math.Pow(100, -(place % half) / (double)half);
            return place < half
                ? (input[i] * Math.Cos(angle)) - (input[i + half] * Math.Sin(angle))
                : (input[i] * Math.Cos(angle)) + (input[i - half] * Math.Sin(angle));
        })];
        using FloatBuffer x = Numbers.Random(size, 1), dy = Numbers.Random(size, 2);
        double[] before = x.Doubles(), weights = dy.Doubles();
        using var rope = new Rope(length, 100, scaling: null, 10);
        rope.Apply(x.Matrix(positions.Length, Heads * length), positions, backward: false);
        rope.Apply(dy.Matrix(positions.Length, Heads * length), positions, backward: true);
        x.ShouldBeNear(Reference(before), Tolerance, "y");
        dy.ShouldBeNear(Numbers.Derivative(Reference, before, weights), Tolerance, "dx");
    }

    [Fact]
    public void The_gradients_of_a_linear_layer_are_right_and_add_up()
    {
        const int Rows = 5, Inputs = 7, Outputs = 19;
        using var workers = new Workers(1);
        using FloatBuffer x = Numbers.Random(Rows * Inputs, 1), w = Numbers.Random(Outputs * Inputs, 2), dy = Numbers.Random(Rows * Outputs, 3);
        using FloatBuffer y = new(Rows * Outputs), dx = new(Rows * Inputs), dw = new(Outputs * Inputs);
        static double[] Reference(double[] a, double[] b) => [.. Enumerable.Range(0, Rows * Outputs).Select(i =>
            Enumerable.Range(0, Inputs).Sum(k => a[(i / Outputs * Inputs) + k] * b[(i % Outputs * Inputs) + k]))];
        Linear.Forward(x.Matrix(Rows, Inputs), w.Matrix(Outputs, Inputs), y.Matrix(Rows, Outputs), false, workers);
        for (int time = 0; time < 2; time++)
        {
            Linear.Backward(
                x.Matrix(Rows, Inputs), w.Matrix(Outputs, Inputs), dy.Matrix(Rows, Outputs), dx.Matrix(Rows, Inputs), time > 0,
                dw.Matrix(Outputs, Inputs), workers);
        }

        double[] twice = [.. dy.Doubles().Select(value => 2 * value)];
        y.ShouldBeNear(Reference(x.Doubles(), w.Doubles()), Tolerance, "y");
        dx.ShouldBeNear(Numbers.Derivative(a => Reference(a, w.Doubles()), x.Doubles(), twice), Tolerance, "dx");
        dw.ShouldBeNear(Numbers.Derivative(b => Reference(x.Doubles(), b), w.Doubles(), twice), Tolerance, "dw");
    }

    [Fact]
    public void The_gradient_of_an_embedding_is_the_sum_over_a_tokens_rows()
    {
        int[] tokens = [2, 0, 2];
        using FloatBuffer table = Numbers.Random(9, 1), dy = Numbers.Random(9, 2), y = new(9), dTable = new(9);
        Embedding.Forward(tokens, table.Matrix(3, 3), y.Matrix(3, 3));
        Embedding.Backward(tokens, dy.Matrix(3, 3), dTable.Matrix(3, 3));
        double[] Reference(double[] values) => [.. Enumerable.Range(0, 9).Select(i => values[(tokens[i / 3] * 3) + (i % 3)])];
        y.ShouldBeNear(Reference(table.Doubles()), Tolerance, "y");
        dTable.ShouldBeNear(Numbers.Derivative(Reference, table.Doubles(), dy.Doubles()), Tolerance, "dtable");
    }
}
