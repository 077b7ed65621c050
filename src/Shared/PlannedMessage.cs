using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary;

/// <summary>A message that no filter changes, read from where its tensors lie and never written.</summary>
/// <param name="plan">Its layout, and its tensors.</param>
/// <param name="until">Completes when that many of its first bytes can be read; null where all of them can.</param>
internal sealed class PlannedMessage(SafetensorsWriter plan, Func<long, CancellationToken, ValueTask>? until = null) : ByteSource
{
    public override long Length => plan.Header.FileLength;

    /// <summary>
    /// Every read looks whether its file was written to. This one comes before an answer begins, so that the answer can still say so.
    /// </summary>
    public override void RequireUnchanged()
    {
        long first = plan.Header.Bytes.Length;
        Span<byte> one = stackalloc byte[1];
        if (first < Length && WaitForAsync(first + 1, CancellationToken.None).AsTask().IsCompletedSuccessfully)
        {
            Read(first, one);
        }
    }

    public override ValueTask WaitForAsync(long length, CancellationToken cancellationToken) => until?.Invoke(length, cancellationToken) ?? ValueTask.CompletedTask;

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
