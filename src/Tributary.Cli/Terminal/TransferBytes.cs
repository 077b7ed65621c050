using Tributary.Transport;

namespace Tributary.Cli.Terminal;

/// <summary>A transfer's progress as bytes that are there. Told from several threads.</summary>
internal sealed class TransferBytes(IProgress<long> bytes) : IProgress<TransferProgress>
{
    public void Report(TransferProgress value) => bytes.Report(value.BytesDone);
}
