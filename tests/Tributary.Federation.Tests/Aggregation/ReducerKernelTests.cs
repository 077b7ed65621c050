using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

/// <summary>A federation whose server moves to another machine goes on with the same bytes.</summary>
public sealed class ReducerKernelTests
{
    /// <summary>Where the test below leaves the digest of all it computed, for the test that starts it in another process.</summary>
    private const string DigestVariable = "TRIBUTARY_TEST_DIGEST";

    private static readonly Lazy<Task<string>> AllSwitchedOn = new(() => DigestOfChild(switchedOff: null));

    [Fact]
    public void Every_kernel_gives_the_bytes_of_its_scalar_reference()
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int count in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 17, 31, 64, 65 })
        {
            MemorySource[] updates = [.. Enumerable.Range(0, count).Select(i => new MemorySource(MemorySource.F32("w", [4096 + 517], AnyFinite(4096 + 517, (100 * count) + i))))];
            float[][] values = [.. updates.Select(update => update.ReadFloats("w"))];
            Compare(new CoordinateMedian(updates), KernelReferences.Median(values), digest);
            foreach (double trim in new[] { 0, 0.1, 0.2, 0.4 })
            {
                Compare(new TrimmedMean(updates, trim), KernelReferences.TrimmedMean(values, trim), digest);
            }

            double distance = PairwiseDistances.SquaredDistance(values[0], values[^1]);
            distance.ShouldBe(KernelReferences.SquaredDistance(values[0], values[^1]));
            digest.AppendData(BitConverter.GetBytes(distance));
            using var mean = new WeightedMean([.. updates.Select((update, i) => ((TensorSource)update, 1.0 + i))]);
            digest.AppendData(mean.ReadTensor("w"));
        }

        if (Environment.GetEnvironmentVariable(DigestVariable) is { } path)
        {
            File.WriteAllText(path, Convert.ToHexString(digest.GetHashAndReset()));
        }
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableAVX")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task A_machine_without_an_instruction_set_merges_to_the_same_bytes(string switchedOff)
    {
        string digest = await DigestOfChild(switchedOff);
        digest.ShouldBe(await AllSwitchedOn.Value);
    }

    private static void Compare(TensorSource reduced, float[] expected, IncrementalHash digest)
    {
        byte[] bytes = reduced.ReadTensor("w");
        bytes.AsSpan().SequenceEqual(MemoryMarshal.AsBytes(expected.AsSpan())).ShouldBeTrue(reduced.GetType().Name);
        digest.AppendData(bytes);
    }

    /// <summary>Floats of every size that 65 of them can be summed in, zeros of both signs and equal values among them.</summary>
    private static float[] AnyFinite(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => (i % 8) switch
        {
            0 => i % 16 == 0 ? 0f : -0f,
            1 => random.Next(-2, 3),
            2 => BitConverter.Int32BitsToSingle(random.Next(0x7B00_0000) ^ (random.Next(2) << 31)),
            _ => (float)((random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-30, 10))),
        })];
    }

    private static async Task<string> DigestOfChild(string? switchedOff)
    {
        using var folder = new TempFolder();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string program = Path.Combine(AppContext.BaseDirectory, "Tributary.Federation.Tests" + (OperatingSystem.IsWindows() ? ".exe" : string.Empty));
        var start = new ProcessStartInfo(program, ["-method", $"{typeof(ReducerKernelTests).FullName}.{nameof(Every_kernel_gives_the_bytes_of_its_scalar_reference)}"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[DigestVariable] = folder["digest"];
        if (switchedOff is not null)
        {
            start.Environment[switchedOff] = "0";
        }

        using Process child = Process.Start(start)!;
        string output = await child.StandardOutput.ReadToEndAsync(cancel);
        await child.WaitForExitAsync(cancel);
        child.ExitCode.ShouldBe(0, output);
        return await File.ReadAllTextAsync(folder["digest"], cancel);
    }
}
