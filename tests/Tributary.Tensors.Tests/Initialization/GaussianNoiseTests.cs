using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tributary.TestKit;
using Tributary.Tensors.Initialization;

namespace Tributary.Tensors.Tests.Initialization;

public sealed class GaussianNoiseTests
{
    /// <summary>SHA-256 of a million numbers, as a few lines of numpy make them too. If it changes, everybody's models of a seed become others, and the changelog says so.</summary>
    private const string GoldenDigest = "634E29ABB375F6637647DC5281741DE9BA7EB3272E77795D457B34309863A0FE";

    [Fact]
    public void Vectors_give_the_bits_of_the_scalar_whatever_the_place_and_the_length()
    {
        var noise = new GaussianNoise(11, "model.layers.3.mlp.up_proj.weight");
        foreach ((long start, int length) in new[] { (0L, 10_000), (1, 4095), (4090, 13), (4096, 4096), (7, 3), ((1L << 40) + 5, 9000) })
        {
            float[] values = new float[length];
            noise.Fill(start, 0.5f, 0.02f, values);
            for (int i = 0; i < length; i++)
            {
                BitConverter.SingleToUInt32Bits(values[i]).ShouldBe(BitConverter.SingleToUInt32Bits(noise.At(start + i, 0.5f, 0.02f)), $"element {start + i}");
            }
        }
    }

    [Fact]
    public void The_numbers_of_a_seed_are_the_same_for_ever()
    {
        float[] values = new float[1 << 20];
        new GaussianNoise(1, "model.embed_tokens.weight").Fill(1 << 20, 0, 0.02f, values);
        Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan()))).ShouldBe(GoldenDigest);
    }

    /// <summary>A model is the same on a machine that has narrower vectors, or none.</summary>
    [Theory]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task A_machine_without_an_instruction_set_makes_the_same_numbers(string switchedOff)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string program = Path.Combine(AppContext.BaseDirectory, "Tributary.Tensors.Tests" + (OperatingSystem.IsWindows() ? ".exe" : string.Empty));
        var start = new ProcessStartInfo(program, ["-method", $"{typeof(GaussianNoiseTests).FullName}.{nameof(The_numbers_of_a_seed_are_the_same_for_ever)}"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[switchedOff] = "0";
        using Process child = Process.Start(start)!;
        string output = await child.StandardOutput.ReadToEndAsync(cancel);
        await child.WaitForExitAsync(cancel);
        child.ExitCode.ShouldBe(0, output);
        output.ShouldContain("Total: 1");
    }

    /// <summary>Codecs of normal quantiles are measured on these numbers: they must be as good as normal.</summary>
    [Fact]
    public void The_numbers_are_normal_and_do_not_depend_on_each_other()
    {
        const int Count = 1 << 20;
        float[] values = new float[Count];
        new GaussianNoise(5, "w").Fill(0, 0, 1, values);
        values.Average().ShouldBe(0, 4 / Math.Sqrt(Count));
        Moment(values, 2).ShouldBe(1, 0.006);
        Moment(values, 3).ShouldBe(0, 0.01);
        Moment(values, 4).ShouldBe(2.94, 0.03);
        values.Max(MathF.Abs).ShouldBeInRange(4.5f, 5.95f);

        // The share beyond 1, 2 and 3 deviations is that of a normal number; the outermost is a little less.
        Beyond(values, 1).ShouldBe(0.3173, 0.003);
        Beyond(values, 2).ShouldBe(0.0455, 0.001);
        Beyond(values, 3).ShouldBe(0.0027, 0.0006);
        foreach (int lag in new[] { 1, 2, 8, 16, 64, 1024, 4096, 65536 })
        {
            Enumerable.Range(0, Count - lag).Average(i => (double)values[i] * values[i + lag]).ShouldBe(0, 5 / Math.Sqrt(Count), $"{lag} apart");
        }
    }

    [Fact]
    public void Another_seed_and_another_tensor_have_other_numbers()
    {
        float[] one = Filled(1, "a");
        foreach (float[] other in new[] { Filled(2, "a"), Filled(1, "b"), Filled(1, "A"), Filled(0, "a"), Filled(ulong.MaxValue, "a") })
        {
            one.Zip(other).Average(pair => (double)pair.First * pair.Second).ShouldBe(0, 5 / Math.Sqrt(one.Length));
        }
    }

    private static float[] Filled(ulong seed, string tensor)
    {
        float[] values = new float[100_000];
        new GaussianNoise(seed, tensor).Fill(0, 0, 1, values);
        return values;
    }

    private static double Moment(float[] values, int power) => values.Average(value => Math.Pow(value, power));

    private static double Beyond(float[] values, float deviations) => values.Average(value => MathF.Abs(value) > deviations ? 1.0 : 0.0);
}
