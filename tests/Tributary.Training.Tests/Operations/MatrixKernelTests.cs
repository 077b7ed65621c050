using System.Diagnostics;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;
using Tributary.Training.Operations;

namespace Tributary.Training.Tests.Operations;

/// <summary>
/// A product may come from OpenBLAS, or from managed code with vectors of three widths. A model that trains on one machine must train
/// on another.
/// </summary>
public sealed class MatrixKernelTests
{
    private const double Tolerance = 1e-5;
    private const string CoreVariable = "OPENBLAS_CORETYPE";

    /// <summary>Blocks of rows, columns and the inner dimension that are whole, cut short, and several; rows a multiple of 1 KiB apart.</summary>
    public static TheoryData<int, int, int> Sizes => new() { { 1, 1, 1 }, { 3, 5, 0 }, { 130, 801, 645 }, { 50, 512, 256 }, { 96, 384, 320 }, { 300, 33, 512 } };

    private unsafe delegate void Tile(
        int rows, int k, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool accumulate);

    [Theory]
    [MemberData(nameof(Sizes))]
    public void OpenBLAS_and_managed_code_agree_with_double_precision_and_each_other(int rows, int columns, int inner)
    {
        RequireOpenBlas();
        foreach (bool accumulate in (bool[])[false, true])
        {
            double[][] expected = Expected(rows, columns, inner, accumulate);
            foreach (MatrixKernel kernel in Enum.GetValues<MatrixKernel>())
            {
                float[][] products = Products(kernel, 2, rows, columns, inner, accumulate);
                for (int i = 0; i < products.Length; i++)
                {
                    Near(products[i], expected[i], $"{kernel}, product {i}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_number_of_threads_does_not_change_a_byte_of_any_kernel(int rows, int columns, int inner)
    {
        foreach (MatrixKernel kernel in Enum.GetValues<MatrixKernel>().Where(kernel => kernel == MatrixKernel.Managed || OpenBlas.IsAvailable))
        {
            float[][] one = Products(kernel, 1, rows, columns, inner, accumulate: true);
            foreach (int threads in (int[])[2, 3, 5])
            {
                Products(kernel, threads, rows, columns, inner, accumulate: true).ShouldBe(one, $"{kernel}, {threads} threads");
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 7)]
    [InlineData(11, 100)]
    [InlineData(12, 33)]
    [InlineData(31, 64)]
    public unsafe void Tiles_of_every_width_give_the_same_bytes(int rows, int k)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported, "no fused multiply-adds");
        float[] narrow = Strip(Tile128.Multiply, Tile128.Columns, rows, k);
        Strip(Tile256.Multiply, Tile256.Columns, rows, k).ShouldBe(narrow);
        if (Vector512.IsHardwareAccelerated)
        {
            Strip(Tile512.Multiply, Tile512.Columns, rows, k).ShouldBe(narrow);
        }
    }

    /// <summary>Whoever has an older processor, or another kind, trains as well.</summary>
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task A_machine_without_an_instruction_set_multiplies_attends_and_trains_too(string switchedOff)
    {
        Type[] classes = [typeof(MatrixProductTests), typeof(AttentionTests), typeof(OperationGradientTests)];
        await PassElsewhereAsync(switchedOff, "0", [.. classes.SelectMany(type => new[] { "-class", type.FullName! })]);
    }

    /// <summary>Whoever buys a processor that is newer than the system's OpenBLAS trains three times slower than with no OpenBLAS at all.</summary>
    [Theory]
    [InlineData("Prescott")]
    [InlineData("Haswell")]
    public async Task OpenBLAS_is_used_where_it_knows_the_processor(string core)
    {
        RequireOpenBlas();
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.Avx2.IsSupported, "another kind of processor, or an old one");
        await PassElsewhereAsync(CoreVariable, core, ["-method", $"{typeof(MatrixKernelTests).FullName}.{nameof(The_kernel_is_the_one_for_what_OpenBLAS_computes_for)}"]);
    }

    [Fact]
    public void The_kernel_is_the_one_for_what_OpenBLAS_computes_for()
    {
        using var workers = new Workers(1);
        switch (Environment.GetEnvironmentVariable(CoreVariable))
        {
            case "Prescott":
                workers.Kernel.ShouldBe(MatrixKernel.Managed);
                break;
            case "Haswell":
                workers.Kernel.ShouldBe(MatrixKernel.OpenBlas);
                break;
            default:
                workers.Kernel.ShouldBe(OpenBlas.KnowsProcessor ? MatrixKernel.OpenBlas : MatrixKernel.Managed);
                break;
        }
    }

    /// <summary>Runs some of this program's tests in a process with another environment.</summary>
    private static async Task PassElsewhereAsync(string variable, string value, string[] arguments)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string program = Path.Combine(AppContext.BaseDirectory, "Tributary.Training.Tests" + (OperatingSystem.IsWindows() ? ".exe" : string.Empty));
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[variable] = value;
        using Process child = Process.Start(start)!;
        string output = await child.StandardOutput.ReadToEndAsync(cancel);
        await child.WaitForExitAsync(cancel);
        child.ExitCode.ShouldBe(0, output);
        output.ShouldContain("Failed: 0");
        output.ShouldNotContain("Total: 0");
    }

    private static void RequireOpenBlas()
    {
        if (!OpenBlas.IsAvailable && Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip("there is no OpenBLAS on this machine");
        }

        OpenBlas.IsAvailable.ShouldBeTrue();
    }

    /// <summary>a b, a bᵀ and aᵀ b of matrices that are equal but for the transposition.</summary>
    private static float[][] Products(MatrixKernel kernel, int threads, int rows, int columns, int inner, bool accumulate)
    {
        using var workers = new Workers(threads, kernel);
        workers.Kernel.ShouldBe(kernel);
        using FloatBuffer a = Numbers.Random(rows * inner, 1), b = Numbers.Random(inner * columns, 2);
        using FloatBuffer aT = Transposed(a, rows, inner), bT = Transposed(b, inner, columns);
        Matrix left = a.Matrix(rows, inner), right = b.Matrix(inner, columns);
        float[] Product(Action<Matrix> multiply)
        {
            using FloatBuffer c = Numbers.Random(rows * columns, 3);
            multiply(c.Matrix(rows, columns));
            return c.Span(0, rows * columns).ToArray();
        }

        return
        [
            Product(c => MatrixProduct.Times(left, right, c, accumulate, workers)),
            Product(c => MatrixProduct.TimesTransposed(left, bT.Matrix(columns, inner), c, accumulate, workers)),
            Product(c => MatrixProduct.TransposedTimes(aT.Matrix(inner, rows), right, c, accumulate, workers)),
        ];
    }

    private static double[][] Expected(int rows, int columns, int inner, bool accumulate)
    {
        using FloatBuffer a = Numbers.Random(rows * inner, 1), b = Numbers.Random(inner * columns, 2), c = Numbers.Random(rows * columns, 3);
        double[] left = a.Doubles(), right = b.Doubles(), sums = accumulate ? c.Doubles() : new double[rows * columns];
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < inner; k++)
            {
                for (int j = 0; j < columns; j++)
                {
                    sums[(i * columns) + j] += left[(i * inner) + k] * right[(k * columns) + j];
                }
            }
        }

        return [sums, sums, sums];
    }

    private static void Near(float[] actual, double[] expected, string what)
    {
        double scale = Math.Max(1, expected.Max(Math.Abs));
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(actual[i] - expected[i]) <= Tolerance * scale))
            {
                Assert.Fail($"{what}: element {i} is {actual[i]}, not {expected[i]}");
            }
        }
    }

    private static unsafe FloatBuffer Transposed(FloatBuffer source, int rows, int columns)
    {
        var target = new FloatBuffer(source.Length);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                target.Data[(j * rows) + i] = source.Data[(i * columns) + j];
            }
        }

        return target;
    }

    /// <summary>32 columns by tiles of some width, from an A that is not packed.</summary>
    private static unsafe float[] Strip(Tile tile, int width, int rows, int k)
    {
        const int Columns = 32;
        using FloatBuffer a = Numbers.Random(rows * k, 1), b = Numbers.Random(k * Columns, 2), c = Numbers.Random(rows * Columns, 3);
        for (int column = 0; column < Columns; column += width)
        {
            tile(rows, k, a.Data, 1, rows, b.Data + column, Columns, c.Data + column, Columns, true);
        }

        return c.Span(0, rows * Columns).ToArray();
    }
}
