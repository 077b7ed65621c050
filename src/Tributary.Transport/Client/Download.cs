using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Tributary.Transport;

/// <summary>
/// One download: parts into a staged file, each checked on its way and recorded when it is on disk, and held against its digest: at once, or at
/// the end against the object's, where the server did not know it when it sent the part.
/// </summary>
internal sealed class Download(
    HttpClient http, TimeProvider clock, Transfer transfer, Uri address, string targetPath, DownloadRequest request)
{
    public async Task<TransferResult> RunAsync(CancellationToken cancellationToken)
    {
        const int TurnsMax = 4;
        string why = string.Empty;
        for (int turn = 0; turn < TurnsMax; turn++)
        {
            int moved = transfer.Gauge.PartsMoved;
            RemoteObject remote = await transfer.TryAsync((_, token) => RemoteObject.GetAsync(http, address, null, clock, token), cancellationToken);
            if (remote.Layout.Length > request.LengthMax)
            {
                throw new TransferException(
                    TransferFailure.Refused, $"the object has {remote.Layout.Length} bytes, and at most {request.LengthMax} are taken here.");
            }

            if (request.Digest is { } wanted && remote.Digest is { } found && wanted != found)
            {
                throw Another(wanted, found);
            }

            try
            {
                if (await FetchAsync(remote, cancellationToken) is { } descriptor)
                {
                    return new TransferResult(descriptor, transfer.Gauge.Wire, transfer.Gauge.PartsMoved, transfer.Gauge.Retries);
                }

                why = "parts that arrived are not those of its digest.";
            }
            catch (ObjectReplacedException e)
            {
                // Parts that the new object has as well are kept. As a server does that is started again while it makes the object, so
                // a turn that brought parts is none in vain.
                why = e.Message;
                turn = transfer.Gauge.PartsMoved > moved ? -1 : turn;
            }
        }

        throw new TransferException(TransferFailure.ObjectChanged, $"{why} It changes again and again.");
    }

    /// <summary>Fetches what is missing, and completes the file; null where parts turned out to be another object's, and were dropped.</summary>
    private async Task<ObjectDescriptor?> FetchAsync(RemoteObject remote, CancellationToken cancellationToken)
    {
        PartLayout layout = remote.Layout;
        using PartJournal journal = Local(() => PartJournal.Open(targetPath, layout));
        using StagedFile file = Local(() => OpenFile(journal, layout));
        var arrivals = new PartArrivals(layout, journal, file);
        transfer.Gauge.Begin(await ResumeAsync(arrivals, remote, cancellationToken), layout.Length);
        await transfer.ForEachPartAsync(
            layout.Count,
            async (part, token) =>
            {
                if (arrivals.Has(part))
                {
                    return;
                }

                PartChecksum checksum = await transfer.TryWhenReadyAsync(
                    (attempt, wait, inner) => FetchPartAsync(file, remote, part, wait, attempt, inner), token);
                Local(() => arrivals.Add(part, checksum));
                transfer.Gauge.Accept(layout.BytesOf(part));
            },
            cancellationToken);
        ObjectDescriptor? complete = await ConfirmAsync(arrivals, remote, cancellationToken);
        if (complete is not null)
        {
            Local(file.Complete);
        }

        return complete;
    }

    /// <summary>
    /// What there is to go on with: what an earlier attempt left, or all of a download that was complete before, whose record stands beside it.
    /// </summary>
    private StagedFile OpenFile(PartJournal journal, PartLayout layout)
    {
        if (!journal.Missing.Any() && !File.Exists(targetPath + StagedFile.PartialSuffix))
        {
            StagedFile.TakeBack(targetPath);
        }

        try
        {
            return StagedFile.Resume(targetPath, layout.Length, request.UnitEnds);
        }
        catch
        {
            journal.Dispose();
            PartJournal.DeleteUnused(targetPath);
            throw;
        }
    }

    private async Task<long> ResumeAsync(PartArrivals arrivals, RemoteObject remote, CancellationToken cancellationToken)
    {
        try
        {
            return await arrivals.ResumeAsync(remote.Parts, cancellationToken);
        }
        catch (IOException e)
        {
            throw CannotWrite(e);
        }
    }

    /// <summary>Holds what arrived against the object's digest, which the server knows by now or is about to.</summary>
    private async Task<ObjectDescriptor?> ConfirmAsync(PartArrivals arrivals, RemoteObject remote, CancellationToken cancellationToken)
    {
        ObjectDescriptor arrived = arrivals.Describe(remote.Id);
        if (remote.Digest == arrived.Digest)
        {
            return arrived;
        }

        RemoteObject final = await FinalAsync(cancellationToken);
        if (request.Digest is { } wanted && final.Digest != wanted)
        {
            throw Another(wanted, final.Digest!);
        }

        if (final.Digest == arrived.Digest)
        {
            return arrived;
        }

        Local(() => arrivals.DropOthers(final.Parts));
        return null;
    }

    private Task<RemoteObject> FinalAsync(CancellationToken cancellationToken) => transfer.TryWhenReadyAsync(
        async (_, wait, token) =>
        {
            RemoteObject state = await RemoteObject.GetAsync(http, address, wait, clock, token);
            return state.IsFinal ? state : throw new NotReadyException("the object has no digest yet");
        },
        cancellationToken);

    /// <summary>Asks for a part's bytes; gives the response when it is exactly those.</summary>
    /// <exception cref="ObjectReplacedException">The server has another object there.</exception>
    private async Task<HttpResponseMessage> GetPartAsync(RemoteObject remote, int part, int wait, CancellationToken cancellationToken)
    {
        long offset = remote.Layout.OffsetOf(part);
        int length = remote.Layout.BytesOf(part);
        var tag = new EntityTagHeaderValue($"\"{remote.Tag}\"");
        using var get = new HttpRequestMessage(HttpMethod.Get, address);
        get.Headers.Range = new RangeHeaderValue(offset, offset + length - 1);
        get.Headers.IfRange = new RangeConditionHeaderValue(tag);
        get.Headers.Add("Prefer", $"wait={wait}");
        HttpResponseMessage response = await http.SendAsync(get, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        try
        {
            string what = $"GET {address}, bytes {offset} to {offset + length - 1}";
            if (!response.IsSuccessStatusCode)
            {
                throw await Refusal.ReadAsync(what, response, clock, cancellationToken);
            }

            if (!tag.Equals(response.Headers.ETag))
            {
                throw new ObjectReplacedException($"the object {remote.Tag} was replaced at the server by {response.Headers.ETag}.");
            }

            ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
            bool asAsked = response.StatusCode == HttpStatusCode.PartialContent
                ? range?.From == offset && range.To == offset + length - 1 && range.Length == remote.Layout.Length
                : response.StatusCode == HttpStatusCode.OK && offset == 0 && length == remote.Layout.Length;
            return asAsked ? response : throw new TransferException(
                TransferFailure.BadAnswer,
                $"{what}: the server, or a proxy before it, answered {(int)response.StatusCode} with the range '{range}'.");
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private async Task<PartChecksum> FetchPartAsync(
        StagedFile file, RemoteObject remote, int part, int wait, Attempt attempt, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await GetPartAsync(remote, part, wait, cancellationToken);
        PartChecksum? expected = remote.Parts[part] ?? ChecksumOf(response);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        PartChecksum found = await CopyAsync(body, file, remote.Layout, part, attempt, cancellationToken);

        // What the server has not read before it sends it is held against the object's digest at the end.
        return found == (expected ?? found) ? found : throw new TransientException(
            $"part {part} of {address} arrived with the CRC-64 {found}, the server says {expected}.", null);
    }

    private static PartChecksum? ChecksumOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues(DigestField.ContentDigest, out IEnumerable<string>? values)
        && DigestField.TryParse(string.Join(',', values), out PartChecksum checksum)
            ? checksum
            : null;

    private async Task<PartChecksum> CopyAsync(
        Stream body, StagedFile file, PartLayout layout, int part, Attempt attempt, CancellationToken cancellationToken)
    {
        long offset = layout.OffsetOf(part);
        int length = layout.BytesOf(part);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PartReading.StepBytes);
        try
        {
            var running = new Crc64();
            for (int done = 0; done < length;)
            {
                Memory<byte> step = buffer.AsMemory(0, Math.Min(PartReading.StepBytes, length - done));
                await (transfer.Options.Down?.TakeAsync(step.Length, cancellationToken) ?? Task.CompletedTask);
                int filled = 0;
                while (filled < step.Length)
                {
                    int read = await body.ReadAsync(step[filled..], cancellationToken);
                    if (read == 0)
                    {
                        throw new TransientException($"part {part} of {address} ended after {done + filled} of {length} bytes.", null);
                    }

                    filled += read;
                    attempt.Move(read);
                }

                running.Append(step.Span);
                Local(() => file.WriteAt(offset + done, step.Span));
                done += filled;
            }

            return new PartChecksum(running.Value);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static TransferException Another(string wanted, string found) =>
        new(TransferFailure.ObjectChanged, $"the object should be {wanted}, but the server has {found} there.");

    private void Local(Action step) => Local(() =>
    {
        step();
        return true;
    });

    /// <summary>Does something with a local file, so that its failure is not taken for one of the connection and tried again.</summary>
    private T Local<T>(Func<T> step)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(e);
        }
    }

    private TransferException CannotWrite(Exception e) =>
        new(TransferFailure.LocalFile, $"{targetPath} cannot be written: {e.Message}", e);
}
