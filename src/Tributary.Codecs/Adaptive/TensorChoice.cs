namespace Tributary.Codecs.Adaptive;

/// <summary>The precision that was chosen for a tensor.</summary>
/// <param name="Tensor">Its name.</param>
/// <param name="Codec">The precision.</param>
/// <param name="Bytes">Payload and meta in that precision.</param>
/// <param name="Error">What the precision loses of the tensor, as the sum of squares.</param>
/// <param name="Energy">The sum of squares of the tensor itself.</param>
public sealed record TensorChoice(string Tensor, Codec Codec, long Bytes, double Error, double Energy);
