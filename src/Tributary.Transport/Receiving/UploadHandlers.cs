using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Tributary.Transport;

/// <summary>
/// The server half of an upload: takes parts in any order, says which are missing, commits. Who may send, and under which address and
/// name, is the caller's.
/// </summary>
public sealed partial class UploadHandlers
{
    private readonly ServingOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<UploadHandlers> _logger;

    /// <summary>Makes the handlers.</summary>
    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public UploadHandlers(ServingOptions options, TimeProvider clock, ILogger<UploadHandlers> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Progress.Validate(nameof(ServingOptions.Progress));
        _options = options;
        _clock = clock;
        _logger = logger;
    }

    /// <summary>
    /// Reads <c>{"length": ..., "partBytes": ...}</c>, what a client asks for when it begins an upload. Gives null, and has answered with a
    /// problem, where it is malformed, or longer than <paramref name="lengthMax"/> bytes.
    /// </summary>
    public async Task<PartLayout?> ReadLayoutAsync(HttpContext context, long lengthMax)
    {
        const int RequestBytesMax = 4096;
        (LayoutJson? request, Problem? problem) = await JsonBody.ReadAsync(
            context, TransportJson.Default.LayoutJson, "The request for an upload", RequestBytesMax);
        if (request is not null)
        {
            if (PartLayout.Refuse(request.Length, request.PartBytes) is { } reason)
            {
                problem = Problem.BadDocument("The request for an upload", reason);
            }
            else if (request.Length > lengthMax)
            {
                problem = new Problem(
                    StatusCodes.Status413PayloadTooLarge,
                    ProblemTypes.LengthOverLimit,
                    "The object is too long",
                    $"An upload of {request.Length} bytes was asked for; this server takes at most {lengthMax} here.");
            }
        }

        if (problem is not null)
        {
            await problem.WriteAsync(context);
            return null;
        }

        return new PartLayout(request!.Length, request.PartBytes);
    }

    /// <summary>Answers GET for an upload: what it is, which parts are missing, and the checksums of those that are there.</summary>
    public Task DescribeAsync(HttpContext context, ObjectUpload upload) =>
        JsonBody.WriteAsync(context, StatusCodes.Status200OK, upload.State(), TransportJson.Default.UploadStateJson);

    /// <summary>Answers PUT of a part: 204 when it is there and verified, also if it was there before.</summary>
    /// <param name="context">The request.</param>
    /// <param name="upload">The upload.</param>
    /// <param name="part">The part's number, as it stands in the address.</param>
    public async Task PutPartAsync(HttpContext context, ObjectUpload upload, string? part)
    {
        Problem? problem = CheckPart(context, upload, part, out int number, out PartChecksum claimed);
        if (problem is null)
        {
            JsonBody.LimitBody(context, upload.Layout.BytesOf(number));
            (PartLease? lease, problem) = await upload.BeginPartAsync(number, claimed, context.RequestAborted);
            if (lease is not null)
            {
                using (lease)
                {
                    problem = await ReceiveAsync(context, upload, lease, claimed);
                }
            }
        }

        if (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        if (problem is not null)
        {
            await problem.WriteAsync(context);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>
    /// Answers POST of the commit, whose body is the object's descriptor document: 200 with the descriptor when the object stands under its
    /// final name.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="upload">The upload.</param>
    /// <param name="committing">
    /// Called before, with what the client says the object is, and throws where it may not stand there. What it does not refuse is what arrived, or the commit fails.
    /// </param>
    /// <param name="committed">
    /// Called when the file is in place and before the client is told: the place to write what makes it count. It is called again when
    /// the same commit comes again, so it must be idempotent.
    /// </param>
    public async Task CommitAsync(
        HttpContext context, ObjectUpload upload, Action<ObjectDescriptor>? committing = null, Func<ObjectDescriptor, CancellationToken, ValueTask>? committed = null)
    {
        string what = $"The commit of upload {upload.Id}";
        const int BytesAPart = (2 * PartChecksum.Size) + 16;
        (DescriptorJson? request, Problem? problem) = await JsonBody.ReadAsync(
            context, TransportJson.Default.DescriptorJson, what, 4096 + ((long)BytesAPart * upload.Layout.Count));
        if (request is not null)
        {
            try
            {
                // The id is the server's to give.
                ObjectDescriptor claimed = (request with { Id = upload.Id }).ToDescriptor();
                committing?.Invoke(claimed);
                problem = await upload.CommitAsync(claimed, context.RequestAborted);
            }
            catch (InvalidDataException e)
            {
                problem = Problem.BadDocument(what, e.Message);
            }
        }

        if (problem is not null)
        {
            await problem.WriteAsync(context);
            return;
        }

        ObjectDescriptor descriptor = upload.Committed!;
        if (committed is not null)
        {
            await committed(descriptor, context.RequestAborted);
        }

        await JsonBody.WriteAsync(context, StatusCodes.Status200OK, DescriptorJson.From(descriptor), TransportJson.Default.DescriptorJson);
    }

    private static Problem? CheckPart(HttpContext context, ObjectUpload upload, string? text, out int part, out PartChecksum claimed)
    {
        claimed = default;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out part) || part >= upload.Layout.Count)
        {
            return new Problem(
                StatusCodes.Status400BadRequest,
                ProblemTypes.PartOutOfRange,
                "There is no such part",
                $"Upload {upload.Id} has {upload.Layout.Count} parts, counted from 0; '{text}' is none of them.");
        }

        int expected = upload.Layout.BytesOf(part);
        if (context.Request.ContentLength != expected)
        {
            return new Problem(
                context.Request.ContentLength is null ? StatusCodes.Status411LengthRequired : StatusCodes.Status400BadRequest,
                ProblemTypes.PartLength,
                "The length is wrong",
                $"Part {part} of upload {upload.Id} has {expected} bytes; "
                + $"the request's Content-Length is {context.Request.ContentLength?.ToString(CultureInfo.InvariantCulture) ?? "missing"}.");
        }

        return DigestField.TryParse(context.Request.Headers[DigestField.ContentDigest], out claimed) ? null : new Problem(
            StatusCodes.Status400BadRequest,
            ProblemTypes.DigestMissing,
            "The digest is missing",
            $"Part {part} of upload {upload.Id} must come with a Content-Digest field that has a crc64nvme.");
    }

    private async Task<Problem?> ReceiveAsync(HttpContext context, ObjectUpload upload, PartLease lease, PartChecksum claimed)
    {
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        long received = 0;
        using var watch = new ProgressWatch(_options.Progress, _clock, () => Interlocked.Read(ref received));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, watch.Token, lease.Superseded);
        PartChecksum found;
        try
        {
            found = await CopyAsync(
                context.Request.Body, upload.Layout.BytesOf(lease.Part), lease, count => Interlocked.Add(ref received, count), stop.Token);
        }
        catch (BadHttpRequestException)
        {
            // The client broke off within the body; there is nobody to answer.
            context.Abort();
            return null;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            if (!watch.IsStalled)
            {
                return Superseded(upload, lease.Part);
            }

            LogStalled(upload.Id, lease.Part, watch.MovedInWindow, _options.Progress.Window);
            context.Response.Headers.Connection = "close";
            return new Problem(
                StatusCodes.Status408RequestTimeout,
                ProblemTypes.Stalled,
                "The request stalled",
                $"Part {lease.Part} of upload {upload.Id} came too slowly: {watch.MovedInWindow} bytes within {_options.Progress.Window}, "
                + $"at least {_options.Progress.BytesMin} are asked for; "
                + $"{received} of {upload.Layout.BytesOf(lease.Part)} bytes had arrived.");
        }

        if (found == claimed)
        {
            lease.Accept(found);
            return null;
        }

        LogRefused(upload.Id, lease.Part, claimed, found);
        return new Problem(
            StatusCodes.Status400BadRequest,
            ProblemTypes.PartDigestMismatch,
            "The part arrived damaged",
            $"Part {lease.Part} of upload {upload.Id} arrived with the CRC-64 {found}, announced was {claimed}. Send this part again.");
    }

    private static Problem Superseded(ObjectUpload upload, int part) => new(
        StatusCodes.Status409Conflict,
        ProblemTypes.PartSuperseded,
        "Another request took over",
        $"Part {part} of upload {upload.Id} began to arrive by another request. Send it again if that one fails.");

    private static async Task<PartChecksum> CopyAsync(
        Stream body, int length, PartLease lease, Action<int> moved, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PartReading.StepBytes);
        try
        {
            var running = new Crc64();
            for (int done = 0; done < length;)
            {
                int wanted = Math.Min(PartReading.StepBytes, length - done);
                int filled = 0;
                while (filled < wanted)
                {
                    int read = await JsonBody.FromClientAsync(body.ReadAsync(buffer.AsMemory(filled, wanted - filled), cancellationToken));
                    if (read == 0)
                    {
                        throw new BadHttpRequestException("The request ended before its Content-Length.");
                    }

                    filled += read;
                    moved(read);
                    TransportMetrics.CountUp(read, atServer: true);
                }

                running.Append(buffer.AsSpan(0, filled));
                lease.Write(done, buffer.AsSpan(0, filled));
                done += filled;
            }

            return new PartChecksum(running.Value);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Part {Part} of upload {Id} arrived damaged and was refused: announced {Claimed}, found {Found}")]
    private partial void LogRefused(string id, int part, PartChecksum claimed, PartChecksum found);

    [LoggerMessage(2, LogLevel.Warning, "Part {Part} of upload {Id} was cut off: only {Bytes} bytes came within {Window}")]
    private partial void LogStalled(string id, int part, long bytes, TimeSpan window);
}
