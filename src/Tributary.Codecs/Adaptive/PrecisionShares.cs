using Tributary.Tensors;

namespace Tributary.Codecs.Adaptive;

/// <summary>What a message's tensors were encoded in.</summary>
public static class PrecisionShares
{
    /// <summary>The share of all elements in each precision, by its name.</summary>
    /// <param name="message">The message's tensors.</param>
    public static IReadOnlyDictionary<string, double> Of(TensorManifest message)
    {
        long all = Math.Max(1, message.ElementCount);
        return message.GroupBy(entry => entry.Encoding.Name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Sum(entry => entry.Spec.ElementCount) / (double)all, StringComparer.Ordinal);
    }
}
