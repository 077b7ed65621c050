using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Tributary.Transport;

/// <summary>One download: parts into a staged file, each verified on its way and recorded when it is on disk.</summary>
internal sealed class Download(
    HttpClient http, TimeProvider clock, Transfer transfer, Uri address, string targetPath, DownloadRequest request)
{
    private readonly Lock _gate = new();

    /// <summary>Parts that are verified but still held in memory with the rest of their unit.</summary>
    private readonly HashSet<int> _held = [];

    public async Task<TransferResult> RunAsync(CancellationToken cancellationToken)
    {
        const int ReplacedMax = 3;
        for (int replaced = 0; ; replaced++)
        {
            ObjectDescriptor descriptor =
                await transfer.TryAsync((_, token) => DescribeAsync(http, address, clock, token), cancellationToken);
            if (request.Digest is { } wanted && !string.Equals(wanted, descriptor.Digest, StringComparison.Ordinal))
            {
                throw new TransferException(
                    TransferFailure.ObjectChanged, $"the object should be {wanted}, but the server has {descriptor.Digest} there.");
            }

            try
            {
                await FetchAsync(descriptor, cancellationToken);
                return new TransferResult(descriptor, transfer.Gauge.Wire, transfer.Gauge.PartsMoved, transfer.Gauge.Retries);
            }
            catch (ObjectReplacedException e)
            {
                // The journal names the old object, so the next turn begins anew with the new one.
                if (replaced == ReplacedMax)
                {
                    throw new TransferException(TransferFailure.ObjectChanged, $"{e.Message} It changes again and again.", e);
                }
            }
        }
    }

    public static async Task<ObjectDescriptor> DescribeAsync(
        HttpClient http, Uri address, TimeProvider clock, CancellationToken cancellationToken)
    {
        Uri descriptor = ClientJson.Below(address, "descriptor");
        using HttpResponseMessage response =
            await http.GetAsync(descriptor, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        string what = $"GET {descriptor}";
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await Refusal.ReadAsync(what, response, clock, cancellationToken);
        }

        DescriptorJson document = await ClientJson.ReadAsync(what, response, TransportJson.Default.DescriptorJson, cancellationToken);
        return ClientJson.ToDescriptor(what, document);
    }

    /// <summary>Asks for a run of an object's bytes; gives the response when it is exactly those.</summary>
    /// <exception cref="ObjectReplacedException">The server has another object there.</exception>
    public static async Task<HttpResponseMessage> GetRangeAsync(
        HttpClient http,
        Uri address,
        ObjectDescriptor descriptor,
        long offset,
        int length,
        TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var tag = new EntityTagHeaderValue($"\"{descriptor.Digest}\"");
        using var get = new HttpRequestMessage(HttpMethod.Get, address);
        get.Headers.Range = new RangeHeaderValue(offset, offset + length - 1);
        get.Headers.IfRange = new RangeConditionHeaderValue(tag);
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
                throw new ObjectReplacedException($"the object {descriptor.Digest} was replaced at the server by {response.Headers.ETag}.");
            }

            ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
            bool asAsked = response.StatusCode == HttpStatusCode.PartialContent
                ? range?.From == offset && range.To == offset + length - 1 && range.Length == descriptor.Length
                : response.StatusCode == HttpStatusCode.OK && offset == 0 && length == descriptor.Length;
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

    private async Task FetchAsync(ObjectDescriptor descriptor, CancellationToken cancellationToken)
    {
        PartLayout layout = descriptor.Layout;
        IReadOnlyList<long>? unitEnds = request.UnitEnds is null ? null : await request.UnitEnds(descriptor, cancellationToken);
        using (PartJournal journal = Local(() => PartJournal.Open(targetPath, layout, descriptor.Digest)))
        using (StagedFile file = Local(() => StagedFile.Resume(targetPath, layout.Length, unitEnds)))
        {
            await ResumeAsync(file, journal, descriptor, cancellationToken);
            await transfer.ForEachPartAsync(
                layout.Count,
                async (part, token) =>
                {
                    if (file.IsVisible(layout.OffsetOf(part), layout.BytesOf(part)))
                    {
                        return;
                    }

                    await transfer.TryAsync((attempt, inner) => FetchPartAsync(file, descriptor, part, attempt, inner), token);
                    Local(() => Record(file, journal, descriptor, part));
                    transfer.Gauge.Accept(layout.BytesOf(part));
                },
                cancellationToken);
            Local(file.Complete);
        }

        Local(() => PartJournal.Delete(targetPath));
    }

    private async Task ResumeAsync(StagedFile file, PartJournal journal, ObjectDescriptor descriptor, CancellationToken cancellationToken)
    {
        PartLayout layout = descriptor.Layout;
        try
        {
            if (file.Resumed)
            {
                await journal.VerifyAsync(file.Handle, layout, cancellationToken);
            }
            else
            {
                journal.DropAll();
            }
        }
        catch (IOException e)
        {
            throw CannotWrite(e);
        }

        long done = 0;
        foreach (int part in journal.Arrived)
        {
            file.MarkResumed(layout.OffsetOf(part), layout.BytesOf(part));
            done += layout.BytesOf(part);
        }

        transfer.Gauge.Begin(done, layout.Length);
    }

    private async Task<bool> FetchPartAsync(
        StagedFile file, ObjectDescriptor descriptor, int part, Attempt attempt, CancellationToken cancellationToken)
    {
        long offset = descriptor.Layout.OffsetOf(part);
        int length = descriptor.Layout.BytesOf(part);
        using HttpResponseMessage response = await GetRangeAsync(http, address, descriptor, offset, length, clock, cancellationToken);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PartHashing.StepBytes);
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int done = 0; done < length;)
            {
                Memory<byte> step = buffer.AsMemory(0, Math.Min(PartHashing.StepBytes, length - done));
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

                hash.AppendData(step.Span);
                Local(() => file.WriteAt(offset + done, step.Span));
                done += filled;
            }

            Sha256Digest found = Sha256Digest.Of(hash);
            return found == descriptor.Parts[part] ? true : throw new TransientException(
                $"part {part} of {address} arrived with the SHA-256 {found}, the descriptor says {descriptor.Parts[part]}.", null);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A part is put on record when it is in the file; with units, that may be when a later part completes the unit.</summary>
    private void Record(StagedFile file, PartJournal journal, ObjectDescriptor descriptor, int part)
    {
        PartLayout layout = descriptor.Layout;
        lock (_gate)
        {
            _held.Add(part);
        }

        file.MarkWritten(layout.OffsetOf(part), layout.BytesOf(part));
        lock (_gate)
        {
            foreach (int held in _held.Where(held => file.IsVisible(layout.OffsetOf(held), layout.BytesOf(held))).ToArray())
            {
                _held.Remove(held);
                journal.Add(held, descriptor.Parts[held]);
            }
        }
    }

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
