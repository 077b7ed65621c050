using System.Buffers;
using System.Net;

namespace Tributary.Transport;

/// <summary>One part of a source as the body of a request. It is read while it is sent, and may be sent again.</summary>
internal sealed class PartContent(ByteSource source, long offset, int length, Action<int> moved, RateLimit? limit) : HttpContent
{
    /// <summary>What went wrong with the source, as opposed to the connection.</summary>
    public Exception? SourceFailure { get; private set; }

    protected override bool TryComputeLength(out long computed)
    {
        computed = length;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PartReading.StepBytes);
        try
        {
            for (int done = 0; done < length;)
            {
                Memory<byte> step = buffer.AsMemory(0, Math.Min(PartReading.StepBytes, length - done));
                Read(offset + done, step.Span);
                await (limit?.TakeAsync(step.Length, cancellationToken) ?? Task.CompletedTask);
                await stream.WriteAsync(step, cancellationToken);
                moved(step.Length);
                done += step.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Read(long from, Span<byte> destination)
    {
        try
        {
            source.Read(from, destination);
        }
        catch (Exception e)
        {
            SourceFailure = e;
            throw;
        }
    }
}
