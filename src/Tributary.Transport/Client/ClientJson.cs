using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Tributary.Transport;

/// <summary>Documents that the client half reads.</summary>
internal static class ClientJson
{
    /// <summary>The longest document: a checksum and its punctuation for each of the most parts, and some more.</summary>
    private const int DocumentBytesMax = (80 * PartLayout.PartCountMax) + (64 << 10);

    public static async Task<T> ReadAsync<T>(
        string what, HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(DocumentBytesMax, cancellationToken);
            return JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(cancellationToken), type)
                ?? throw new JsonException("it is null.");
        }
        catch (JsonException e)
        {
            throw new TransferException(TransferFailure.BadAnswer, $"{what}: the answer is not the JSON that is expected: {e.Message}", e);
        }
    }

    public static ObjectDescriptor ToDescriptor(string what, DescriptorJson document)
    {
        try
        {
            return document.ToDescriptor();
        }
        catch (InvalidDataException e)
        {
            throw new TransferException(TransferFailure.BadAnswer, $"{what}: {e.Message}", e);
        }
    }

    /// <summary>An address below another one.</summary>
    public static Uri Below(Uri address, string path)
    {
        var builder = new UriBuilder(address);
        builder.Path = builder.Path.TrimEnd('/') + "/" + path;
        return builder.Uri;
    }
}
