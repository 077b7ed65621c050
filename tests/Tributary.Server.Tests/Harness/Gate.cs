using Tributary.Tensors;

namespace Tributary.Server.Tests.Harness;

/// <summary>Holds a source's readers up at a tile. It is open when the test is over, however that ends, so that nothing waits for ever.</summary>
internal sealed class Gate : IDisposable
{
    private readonly ManualResetEventSlim _open = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when somebody waits for it to open.</summary>
    public Task Reached => _reached.Task;

    /// <summary>The source whose tiles from one on are not given until the gate opens.</summary>
    public TensorSource Hold(TensorSource source, long tile) => new DisturbedSource(source, tile, () =>
    {
        _reached.TrySetResult();
        _open.Wait();
    });

    public void Open() => _open.Set();

    public void Dispose() => Open();
}

/// <summary>Tensors of which something happens before those from a tile on are given.</summary>
internal sealed class DisturbedSource(TensorSource source, long tile, Action disturb) : TensorSource
{
    public override TensorManifest Manifest => source.Manifest;

    public override void Read(Tile address, int offset, Span<byte> destination)
    {
        if (address.Index >= tile)
        {
            disturb();
        }

        source.Read(address, offset, destination);
    }
}
