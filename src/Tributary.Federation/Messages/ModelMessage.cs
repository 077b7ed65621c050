using System.Security.Cryptography;
using System.Text;

namespace Tributary.Federation.Messages;

/// <summary>What the tensors of a message are.</summary>
public enum MessageKind
{
    /// <summary>A model's weights.</summary>
    Weights,

    /// <summary>The change of a model against a base.</summary>
    Delta,
}

/// <summary>
/// What a message means. The file itself does not say: it is any safetensors file, told apart by what goes with it.
/// </summary>
/// <param name="Kind">Weights, or a change.</param>
/// <param name="Base">The digest of the model that a change is against; null for weights.</param>
/// <param name="Precision">The name of the codec it was encoded with.</param>
public sealed record MessageMeaning(MessageKind Kind, string? Base, string Precision)
{
    /// <summary>
    /// The digest of the model that a receiver holds after this message: for weights the message's own, for a change
    /// SHA-256 over the base's digest and the message's. Decoding is exact and deterministic, so equal digests mean equal bytes,
    /// and neither party needs to hash its model.
    /// </summary>
    /// <param name="message">The digest of the message's object.</param>
    public string ModelDigest(string message) => Base is null
        ? message
        : $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes($"{Base}\n{message}")))}";

    /// <summary>Refuses a change against a model that the receiver does not hold.</summary>
    /// <param name="held">The digest of the model that the receiver holds; null if none.</param>
    /// <exception cref="MessageRefusedException">The base is another.</exception>
    public void RequireBase(string? held)
    {
        if (Base is not null && Base != held)
        {
            throw new MessageRefusedException($"the message is a change against model {Short(Base)}, but {(held is null ? "no model is" : $"model {Short(held)} is")} held here; it was not applied");
        }
    }

    private static string Short(string digest) => digest.Length > 19 ? digest[..19] : digest;
}

/// <summary>A message that does not fit what the receiver holds or expects, and was not applied.</summary>
public sealed class MessageRefusedException : Exception
{
    /// <summary>Makes the error.</summary>
    public MessageRefusedException(string message)
        : base(message)
    {
    }
}
