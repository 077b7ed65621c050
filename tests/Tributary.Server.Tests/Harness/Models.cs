using Tributary.Federation.Jobs;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Harness;

/// <summary>Small models and jobs.</summary>
internal static class Models
{
    /// <summary>Multiples of an eighth, so that sums and means of a few of them are exact in fp32.</summary>
    public static MemorySource Eighths()
    {
        float[] values = [.. Enumerable.Range(0, 700).Select(i => (i - 350) / 8f)];
        return new MemorySource(MemorySource.F32("w", [100, 7], values), MemorySource.F32("b", [7], values[..7]));
    }

    /// <summary>Several tiles and types.</summary>
    public static MemorySource Gaussian() => new(
        MemorySource.Gaussian("embed", DType.F32, [1030, 1024], 1, 0.02f),
        MemorySource.Gaussian("w", DType.BF16, [129, 65], 2),
        MemorySource.Gaussian("norm", DType.F32, [33], 3));

    /// <summary>Several tiles of fp32, which need not be cast.</summary>
    public static MemorySource Float32() => new(MemorySource.Gaussian("embed", DType.F32, [1030, 1024], 1, 0.02f), MemorySource.Gaussian("norm", DType.F32, [33], 3));

    public static Job Job(string name, params string[] sites) => new() { Name = name, Sites = sites, Rounds = 3, Precision = new JobPrecision("fp32", "fp32") };
}
