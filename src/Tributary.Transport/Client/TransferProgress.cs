namespace Tributary.Transport;

/// <summary>How far a transfer has come.</summary>
/// <param name="BytesDone">The bytes in parts that are verified at their destination, also from an earlier attempt.</param>
/// <param name="BytesTotal">The object's length.</param>
/// <param name="BytesOnWire">The content bytes of parts that this transfer moved, also those that had to move again.</param>
public readonly record struct TransferProgress(long BytesDone, long BytesTotal, long BytesOnWire);

/// <summary>What a transfer came to.</summary>
/// <param name="Descriptor">The object.</param>
/// <param name="BytesOnWire">The content bytes of parts that this transfer moved, also those that had to move again.</param>
/// <param name="PartsMoved">The parts that this transfer moved; the others were there already.</param>
/// <param name="Retries">How often something was tried again.</param>
public sealed record TransferResult(ObjectDescriptor Descriptor, long BytesOnWire, int PartsMoved, int Retries);
