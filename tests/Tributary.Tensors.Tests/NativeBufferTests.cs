namespace Tributary.Tensors.Tests;

public sealed class NativeBufferTests
{
    [Fact]
    public void A_buffer_has_the_length_asked_for_and_is_gone_after_dispose()
    {
        NativeBuffer buffer = NativeBuffer.Rent(5001);
        buffer.Bytes.Length.ShouldBe(5001);
        buffer.Floats.Length.ShouldBe(1250);
        using (buffer)
        {
            buffer.Bytes.Fill(7);
        }

        Should.Throw<ObjectDisposedException>(() => buffer.Bytes.Length);
        using (buffer)
        {
            // Disposing twice gives the memory back once.
        }

        using NativeBuffer one = NativeBuffer.Rent(5001);
        using NativeBuffer two = NativeBuffer.Rent(5001);
        one.Bytes.Clear();
        two.Bytes.Fill(1);
        one.Bytes.IndexOf((byte)1).ShouldBe(-1);
    }
}
