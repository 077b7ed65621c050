using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Messages;

public sealed class StreamingUnitsTests
{
    [Fact]
    public void Regular_holds_the_message_container_a_tensor_and_file_nothing()
    {
        using var model = new MemorySource(MemorySource.Gaussian("a", DType.F32, [64], 1), MemorySource.Gaussian("b", DType.F32, [128], 2));
        using var encoded = new QuantizedSource(model, Precision.Nf4);
        SafetensorsWriter message = MessageFile.Plan(encoded);
        long header = message.Header.Bytes.Length;
        StreamingUnits.Ends(Streaming.Regular, message).ShouldBe([message.Header.FileLength]);
        StreamingUnits.Ends(Streaming.Container, message).ShouldBe([header + 36, header + 36 + 72]);
        StreamingUnits.Ends(Streaming.File, message).ShouldBeEmpty();
        message.Header.FileLength.ShouldBe(header + 108);
    }
}
