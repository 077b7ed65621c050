using System.Net;

namespace Tributary.Transport;

/// <summary>An object at a server, as its descriptor tells it. What is not known there yet is null.</summary>
/// <param name="Id">The object's id.</param>
/// <param name="Layout">The length and how it is cut.</param>
/// <param name="Tag">The strong entity tag, without its quotation marks.</param>
/// <param name="Digest">The object's digest.</param>
/// <param name="Parts">The checksum of every part.</param>
internal sealed record RemoteObject(string Id, PartLayout Layout, string Tag, string? Digest, PartChecksum?[] Parts)
{
    /// <summary>Whether the server knows all there is to know of it.</summary>
    public bool IsFinal => Digest is not null && Parts.All(part => part is not null);

    /// <summary>Asks a server once.</summary>
    /// <param name="http">The client.</param>
    /// <param name="address">The object's address.</param>
    /// <param name="waitSeconds">For how long the server may wait for the digest, if it does not know it yet; null where none is needed yet.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<RemoteObject> GetAsync(
        HttpClient http, Uri address, int? waitSeconds, TimeProvider clock, CancellationToken cancellationToken)
    {
        Uri descriptor = ClientJson.Below(address, "descriptor");
        string what = $"GET {descriptor}";
        using var get = new HttpRequestMessage(HttpMethod.Get, descriptor);
        if (waitSeconds is not null)
        {
            get.Headers.Add("Prefer", $"wait={waitSeconds}");
        }

        using HttpResponseMessage response = await http.SendAsync(get, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await Refusal.ReadAsync(what, response, clock, cancellationToken);
        }

        return Check(what, await ClientJson.ReadAsync(what, response, TransportJson.Default.ObjectStateJson, cancellationToken));
    }

    private static RemoteObject Check(string what, ObjectStateJson state)
    {
        if (PartLayout.Refuse(state.Length, state.PartBytes) is { } reason)
        {
            throw new TransferException(TransferFailure.BadAnswer, $"{what}: {reason}");
        }

        var layout = new PartLayout(state.Length, state.PartBytes);
        if (state.Parts.Length != layout.Count)
        {
            throw new TransferException(
                TransferFailure.BadAnswer,
                $"{what}: {state.Length} bytes in parts of {state.PartBytes} are {layout.Count} parts, but {state.Parts.Length} are listed.");
        }

        var remote = new RemoteObject(state.Id, layout, state.Tag, state.Digest, state.Parts);
        if (remote.IsFinal)
        {
            var descriptor = new ObjectDescriptor(state.Id, layout, [.. state.Parts.Select(part => part!.Value)]);
            if (descriptor.Digest != state.Digest)
            {
                throw new TransferException(
                    TransferFailure.BadAnswer, $"{what}: the digest is given as {state.Digest}, but follows as {descriptor.Digest} from the parts.");
            }
        }

        return remote;
    }
}
