using System.Diagnostics;
using System.Runtime.InteropServices;
using Tributary.Codecs.Levels;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

public sealed class TorchTests
{
    private const string Python = "/usr/bin/python3";

    [Fact]
    public async Task Every_precision_agrees_with_the_formulas_computed_by_PyTorch()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Assert.SkipUnless(Repository.IsCi || await Run(cancel, "-c", "import torch, numpy") is (0, _), "python3-torch is not installed");
        float[] values =
        [
            .. TestValues.HeavyTailed(8192, seed: 1), .. new float[128], .. TestValues.Gaussian(4096, seed: 2, scale: 1e-3),
            .. TestValues.Gaussian(4096, seed: 3, scale: 1e-39), .. TestValues.AnyFinite(8192, seed: 4), .. TestValues.Gaussian(61, seed: 5),
        ];
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder["values.f32"], MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), cancel);
        ReadOnlySpan<float> levels = DynamicLevels.Table.Values;
        File.WriteAllBytes(folder["int8.levels.f32"], MemoryMarshal.AsBytes(levels).ToArray());

        string script = Path.Combine(Repository.Root, "tests/Tributary.Codecs.Tests/Fixtures/check_with_torch.py");
        (int exit, string output) = await Run(cancel, script, folder.Path);
        exit.ShouldBe(0, output);

        foreach (Codec codec in Precision.All.Where(codec => codec.Name != "fp32"))
        {
            Encoded encoded = Encoded.Of(codec, values);
            encoded.Unpacked.ShouldBe(await File.ReadAllBytesAsync(folder[codec.Name + ".codes"], cancel), codec.Name);
            Floats(folder[codec.Name + ".decoded"]).ShouldBe(encoded.Decode(), codec.Name);
            if (encoded.ScaleBytes.Length > 0)
            {
                encoded.ScaleBytes.ShouldBe(await File.ReadAllBytesAsync(folder[codec.Name + ".scales"], cancel), codec.Name);
            }
        }
    }

    private static float[] Floats(string path) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray();

    private static async Task<(int Exit, string Output)> Run(CancellationToken cancel, params string[] arguments)
    {
        if (!File.Exists(Python))
        {
            return (-1, $"there is no {Python}");
        }

        using Process process = Process.Start(new ProcessStartInfo(Python, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        string output = await process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, output);
    }
}
