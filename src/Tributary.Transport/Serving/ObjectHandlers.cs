using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Headers;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Microsoft.Win32.SafeHandles;

namespace Tributary.Transport;

/// <summary>
/// The server half of a download: sends an object's bytes, or a range of them, and its descriptor. Who may have them, and under
/// which address, is the caller's.
/// </summary>
public sealed partial class ObjectHandlers
{
    private readonly ServingOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<ObjectHandlers> _logger;

    /// <summary>Makes the handlers.</summary>
    /// <exception cref="ArgumentException">The options cannot be used.</exception>
    public ObjectHandlers(ServingOptions options, TimeProvider clock, ILogger<ObjectHandlers> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Progress.Validate(nameof(ServingOptions.Progress));
        _options = options;
        _clock = clock;
        _logger = logger;
    }

    /// <summary>Answers GET and HEAD for an object: Range (one), If-Range, If-Match, If-None-Match; strong ETag.</summary>
    public async Task SendAsync(HttpContext context, ObjectFile file)
    {
        SafeFileHandle handle;
        try
        {
            handle = file.OpenUnchanged();
        }
        catch (IOException e) when (e is ObjectFileChangedException or FileNotFoundException or DirectoryNotFoundException)
        {
            LogChanged(file.Descriptor.Id, e.Message);
            await new Problem(
                StatusCodes.Status500InternalServerError,
                ProblemTypes.ObjectChanged,
                "The object changed",
                $"The file {Path.GetFileName(file.FilePath)} of object {file.Descriptor.Id} changed or vanished since it was recorded. "
                + "Put it back, or publish it as a new object.").WriteAsync(context);
            return;
        }

        using (handle)
        {
            if (Begin(context, file.Descriptor, out Problem? problem) is { } range)
            {
                await SendBodyAsync(context, file, handle, range.From, range.To);
            }
            else if (problem is not null)
            {
                await problem.WriteAsync(context);
            }
        }
    }

    /// <summary>Answers GET and HEAD for an object's descriptor.</summary>
    public Task DescribeAsync(HttpContext context, ObjectDescriptor descriptor) =>
        JsonBody.WriteAsync(context, StatusCodes.Status200OK, DescriptorJson.From(descriptor), TransportJson.Default.DescriptorJson);

    private static EntityTagHeaderValue Tag(ObjectDescriptor descriptor) => new($"\"{descriptor.Digest}\"");

    /// <summary>Sets status and headers; gives the bytes to send, if any.</summary>
    private static (long From, long To)? Begin(HttpContext context, ObjectDescriptor descriptor, out Problem? problem)
    {
        problem = null;
        HttpResponse response = context.Response;
        RequestHeaders request = context.Request.GetTypedHeaders();
        EntityTagHeaderValue tag = Tag(descriptor);
        response.Headers.ETag = tag.ToString();
        response.Headers.AcceptRanges = "bytes";
        response.Headers.CacheControl = "no-transform";
        if (request.IfMatch.Count > 0 && !request.IfMatch.Any(wanted => wanted.Compare(tag, useStrongComparison: true) || IsAny(wanted)))
        {
            problem = new Problem(
                StatusCodes.Status412PreconditionFailed,
                ProblemTypes.ObjectChanged,
                "The object changed",
                $"Object {descriptor.Id} is now {descriptor.Digest}, which is not what If-Match asks for.");
            return null;
        }

        if (request.IfNoneMatch.Any(known => known.Compare(tag, useStrongComparison: false) || IsAny(known)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        (long from, long to, bool partial) = Choose(context, request, tag, descriptor.Length);
        if (from >= to && partial)
        {
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{descriptor.Length}");
            problem = new Problem(
                StatusCodes.Status416RangeNotSatisfiable,
                ProblemTypes.RangeNotSatisfiable,
                "There are no such bytes",
                $"Object {descriptor.Id} has {descriptor.Length} bytes; the range {context.Request.Headers.Range} begins behind them.");
            return null;
        }

        response.StatusCode = partial ? StatusCodes.Status206PartialContent : StatusCodes.Status200OK;
        response.ContentType = "application/octet-stream";
        response.ContentLength = to - from;
        if (partial)
        {
            response.Headers.ContentRange =
                string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to - 1}/{descriptor.Length}");
        }

        SetDigests(response, descriptor, from, to);
        return HttpMethods.IsHead(context.Request.Method) ? null : (from, to);
    }

    private static bool IsAny(EntityTagHeaderValue tag) => tag.Equals(EntityTagHeaderValue.Any);

    /// <summary>The bytes that are asked for. A range that is malformed, multiple or outdated by If-Range means all of them.</summary>
    private static (long From, long To, bool Partial) Choose(
        HttpContext context, RequestHeaders request, EntityTagHeaderValue tag, long length)
    {
        if (!HttpMethods.IsGet(context.Request.Method)
            || request.Range is not { Unit.Value: "bytes", Ranges: { Count: 1 } ranges }
            || (request.IfRange is { } condition && condition.EntityTag?.Compare(tag, useStrongComparison: true) != true))
        {
            return (0, length, false);
        }

        RangeItemHeaderValue range = ranges.First();
        return range.From is { } from
            ? (from, Math.Min(length - 1, range.To ?? long.MaxValue - 1) + 1, true)
            : (Math.Max(0, length - range.To!.Value), length, true);
    }

    /// <summary>RFC 9530 fields, where the record already has them: the content is one part; the object is one part.</summary>
    private static void SetDigests(HttpResponse response, ObjectDescriptor descriptor, long from, long to)
    {
        PartLayout layout = descriptor.Layout;
        int part = (int)(from / layout.PartBytes);
        if (to > from && from % layout.PartBytes == 0 && to - from == layout.BytesOf(part))
        {
            response.Headers[DigestField.ContentDigest] = DigestField.Format(descriptor.Parts[part]);
        }

        if (layout.Count == 1)
        {
            response.Headers[DigestField.ReprDigest] = DigestField.Format(descriptor.Parts[0]);
        }
    }

    private async Task SendBodyAsync(HttpContext context, ObjectFile file, SafeFileHandle handle, long from, long to)
    {
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        long sent = 0;
        using var watch = new ProgressWatch(_options.Progress, _clock, () => Interlocked.Read(ref sent));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, watch.Token);
        try
        {
            await ObjectBody.SendAsync(
                file,
                handle,
                from,
                to,
                context.Response.BodyWriter,
                count =>
                {
                    Interlocked.Add(ref sent, count);
                    TransportMetrics.CountDown(count, atServer: true);
                },
                stop.Token);
        }
        catch (ObjectFileChangedException e)
        {
            // The status has gone out; a broken connection is how HTTP says that a body is not complete.
            LogChanged(file.Descriptor.Id, e.Message);
            context.Abort();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            if (watch.IsStalled)
            {
                LogStalled(file.Descriptor.Id, watch.MovedInWindow, _options.Progress.Window);
            }

            context.Abort();
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Object {Id} cannot be served: {Reason}")]
    private partial void LogChanged(string id, string reason);

    [LoggerMessage(2, LogLevel.Warning, "A download of object {Id} was cut off: it took only {Bytes} bytes within {Window}")]
    private partial void LogStalled(string id, long bytes, TimeSpan window);
}
