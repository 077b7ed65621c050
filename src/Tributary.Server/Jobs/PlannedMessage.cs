using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>A message that no filter changes, read from where its tensors lie and never written.</summary>
internal sealed class PlannedMessage(SafetensorsWriter plan) : ByteSource
{
    public override long Length => plan.Header.FileLength;

    public override void Read(long offset, Span<byte> destination)
    {
        try
        {
            plan.Read(offset, destination);
        }
        catch (TensorFormatException e)
        {
            throw new SourceChangedException(e.MessageWithoutFolder, e);
        }
    }
}
