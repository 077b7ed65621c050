namespace Tributary.Transport.Tests;

/// <summary>A folder of its own for one test, with files of reproducible bytes.</summary>
public sealed class Scratch : IDisposable
{
    public Scratch() => Directory.CreateDirectory(Folder);

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), "tributary-transport-" + Guid.NewGuid().ToString("N"));

    public string PathOf(string name) => Path.Combine(Folder, name);

    public static byte[] Bytes(long length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(PathOf(name), bytes);
        return PathOf(name);
    }

    public string WriteRandom(string name, long length, int seed = 1)
    {
        var random = new Random(seed);
        byte[] buffer = new byte[1 << 20];
        using FileStream file = File.Create(PathOf(name));
        for (long left = length; left > 0; left -= buffer.Length)
        {
            random.NextBytes(buffer);
            file.Write(buffer, 0, (int)Math.Min(left, buffer.Length));
        }

        return PathOf(name);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>Comparing long runs of bytes quickly.</summary>
public static class ByteAssertions
{
    public static void ShouldBeBytes(this byte[] actual, byte[] expected)
    {
        actual.Length.ShouldBe(expected.Length);
        actual.AsSpan().CommonPrefixLength(expected).ShouldBe(expected.Length, "the first byte that differs");
    }
}
