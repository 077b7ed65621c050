using System.Globalization;
using System.Net;

namespace Tributary.Transport;

/// <summary>One upload: parts of a source, as they become available, and the commit.</summary>
internal sealed class Upload(HttpClient http, TimeProvider clock, Transfer transfer, Uri address, ByteSource source)
{
    private PartChecksums? _checksums;

    public async Task<TransferResult> RunAsync(CancellationToken cancellationToken)
    {
        const int RoundsMax = 5;
        for (int round = 1; ; round++)
        {
            UploadStateJson state = await transfer.TryAsync((_, token) => StateAsync(token), cancellationToken);
            PartLayout layout = LayoutOf(state);
            PartChecksums checksums = _checksums ??= new PartChecksums(layout, source);
            transfer.Gauge.Begin(0, layout.Length);
            await transfer.ForEachPartAsync(
                layout.Count, (part, token) => SendPartAsync(checksums, layout, part, state.Parts[part], token), cancellationToken);
            var claimed = new ObjectDescriptor(state.Id, layout, [.. checksums.Known.Select(checksum => checksum!.Value)]);
            try
            {
                ObjectDescriptor committed = await transfer.TryAsync((_, token) => CommitAsync(claimed, token), cancellationToken);
                return new TransferResult(committed, transfer.Gauge.Wire, transfer.Gauge.PartsMoved, transfer.Gauge.Retries);
            }
            catch (TransferException e) when (e.ProblemType is ProblemTypes.PartsMissing or ProblemTypes.PartsDiffer && round < RoundsMax)
            {
                // The server lost parts after it had taken them, as when it found them damaged on a restart: ask and send again.
                continue;
            }
        }
    }

    private async Task<UploadStateJson> StateAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        string what = $"GET {address}";
        return response.StatusCode == HttpStatusCode.OK
            ? await ClientJson.ReadAsync(what, response, TransportJson.Default.UploadStateJson, cancellationToken)
            : throw await Refusal.ReadAsync(what, response, clock, cancellationToken);
    }

    private PartLayout LayoutOf(UploadStateJson state)
    {
        if (PartLayout.Refuse(state.Length, state.PartBytes) is { } reason)
        {
            throw new TransferException(TransferFailure.BadAnswer, $"GET {address}: {reason}");
        }

        if (state.Length != source.Length)
        {
            throw new TransferException(
                TransferFailure.Refused, $"the upload was begun for {state.Length} bytes, but there are {source.Length} to send.");
        }

        var layout = new PartLayout(state.Length, state.PartBytes);
        return state.Parts.Length == layout.Count ? layout : throw new TransferException(
            TransferFailure.BadAnswer, $"GET {address}: {state.Parts.Length} parts are listed, but there must be {layout.Count}.");
    }

    private async Task SendPartAsync(PartChecksums checksums, PartLayout layout, int part, PartChecksum? atServer, CancellationToken cancellationToken)
    {
        long offset = layout.OffsetOf(part);
        int length = layout.BytesOf(part);
        PartChecksum checksum;
        try
        {
            checksum = await checksums.GetAsync(part, cancellationToken);
        }
        catch (IOException e)
        {
            throw SourceFailed(e);
        }

        if (checksum == atServer)
        {
            transfer.Gauge.Found(length);
            return;
        }

        await transfer.TryAsync(
            (attempt, token) => PutAsync(part, offset, length, checksum, attempt, token), cancellationToken);
        transfer.Gauge.Accept(length);
    }

    private async Task<bool> PutAsync(
        int part, long offset, int length, PartChecksum checksum, Attempt attempt, CancellationToken cancellationToken)
    {
        Uri target = ClientJson.Below(address, string.Create(CultureInfo.InvariantCulture, $"parts/{part}"));
        using var content = new PartContent(source, offset, length, attempt.Move, transfer.Options.Up);
        using var put = new HttpRequestMessage(HttpMethod.Put, target) { Content = content };
        content.Headers.Add(DigestField.ContentDigest, DigestField.Format(checksum));

        // After a failure the server may have been started again and not know the upload any more: it is asked before the part goes out
        // once more.
        put.Headers.ExpectContinue = attempt.IsRepeated;
        try
        {
            using HttpResponseMessage response = await http.SendAsync(put, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return response.StatusCode == HttpStatusCode.NoContent
                ? true
                : throw await Refusal.ReadAsync($"PUT {target}", response, clock, cancellationToken);
        }
        catch (Exception e) when (content.SourceFailure is not null && e is not TransferException)
        {
            throw SourceFailed(content.SourceFailure);
        }
    }

    private async Task<ObjectDescriptor> CommitAsync(ObjectDescriptor claimed, CancellationToken cancellationToken)
    {
        Uri target = ClientJson.Below(address, "commit");
        using var content = new ByteArrayContent(claimed.ToJson());
        content.Headers.ContentType = new("application/json");
        using var post = new HttpRequestMessage(HttpMethod.Post, target) { Content = content };
        using HttpResponseMessage response = await http.SendAsync(post, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        string what = $"POST {target}";
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await Refusal.ReadAsync(what, response, clock, cancellationToken);
        }

        ObjectDescriptor committed = ClientJson.ToDescriptor(
            what, await ClientJson.ReadAsync(what, response, TransportJson.Default.DescriptorJson, cancellationToken));
        return string.Equals(committed.Digest, claimed.Digest, StringComparison.Ordinal) ? committed : throw new TransferException(
            TransferFailure.BadAnswer, $"{what}: committed was {claimed.Digest}, but the server has {committed.Digest}.");
    }

    private static TransferException SourceFailed(Exception e) =>
        new(TransferFailure.LocalFile, $"what is to be sent cannot be read: {e.Message}", e);
}
