using Tributary.TestKit;

namespace Tributary.EndToEnd.Packages;

/// <summary>What './build.sh pack' makes, once for all tests that install from it.</summary>
public sealed class PackedFeed : IAsyncLifetime
{
    private readonly TempFolder _folder = new();

    public string Path => _folder["feed"];

    public IReadOnlyList<string> Names => [.. Directory.GetFiles(Path).Select(path => System.IO.Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public async ValueTask InitializeAsync()
    {
        ProgramResult packed = await ExternalProgram.RunAsync(System.IO.Path.Combine(Repository.Root, "build.sh"), Repository.Root, [], TestContext.Current.CancellationToken, "pack", Path);
        packed.ExitCode.ShouldBe(0, packed.Output + packed.Error);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
