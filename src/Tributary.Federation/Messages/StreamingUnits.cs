using Tributary.Federation.Jobs;
using Tributary.Tensors.Safetensors;

namespace Tributary.Federation.Messages;

/// <summary>Where a message may be cut into the units that are held in memory before they move on.</summary>
public static class StreamingUnits
{
    /// <summary>
    /// The ends of the units in bytes: the message's for regular, each tensor's for container, none for file streaming, where bytes
    /// move on as they come.
    /// </summary>
    public static IReadOnlyList<long> Ends(Streaming streaming, SafetensorsWriter message) => streaming switch
    {
        Streaming.Regular => [message.Header.FileLength],
        Streaming.Container => [.. message.TensorEnds],
        _ => [],
    };
}
