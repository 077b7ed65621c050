using Tributary.Tensors;

namespace Tributary.Server.Tests.Harness;

/// <summary>Tensors of which those from a tile on are not given until a gate opens.</summary>
internal sealed class GatedSource(TensorSource source, ManualResetEventSlim gate, long tile) : TensorSource
{
    public override TensorManifest Manifest => source.Manifest;

    public override void Read(Tile address, int offset, Span<byte> destination)
    {
        if (address.Index >= tile)
        {
            gate.Wait();
        }

        source.Read(address, offset, destination);
    }
}
