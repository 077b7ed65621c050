using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Headers;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace Tributary.Transport;

/// <summary>
/// The server half of a download: sends an object's bytes, or a range of them, and its descriptor. Who may have them, and under
/// which address, is the caller's.
/// </summary>
public sealed partial class ObjectHandlers
{
    /// <summary>The longest that a request waits for a part that is still being made, before it is told to ask again.</summary>
    private static readonly TimeSpan PartWaitMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan DescriptorWaitMax = TimeSpan.FromSeconds(30);

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
    public async Task SendAsync(HttpContext context, ServedObject served)
    {
        if (FaultOf(served) is { } fault)
        {
            await RefuseAsync(context, served, fault);
            return;
        }

        (Asked? asked, Problem? problem) = await ChooseAsync(context, served);
        if (problem is not null)
        {
            await problem.WriteAsync(context);
        }
        else if (asked is { } range)
        {
            SetHeaders(context.Response, served, range);
            if (!HttpMethods.IsHead(context.Request.Method))
            {
                await SendBodyAsync(context, served, range.From, range.To);
            }
        }
    }

    /// <summary>
    /// Answers GET and HEAD for an object's descriptor. With <c>Prefer: wait=N</c> (RFC 7240) an object without a digest is waited for, for
    /// at most N seconds.
    /// </summary>
    public async Task DescribeAsync(HttpContext context, ServedObject served)
    {
        if (served.Descriptor is null && PreferredWait.Of(context.Request, DescriptorWaitMax) is { } wait)
        {
            // Asking is what has it read to the end. What goes wrong is seen in the object's fault, by whoever asks for its bytes.
            await Task.WhenAny(served.CommitAsync(), Task.Delay(wait, _clock, context.RequestAborted));
        }

        if (served.Fault is { } fault)
        {
            await RefuseAsync(context, served, fault);
            return;
        }

        await JsonBody.WriteAsync(context, StatusCodes.Status200OK, served.State(), TransportJson.Default.ObjectStateJson);
    }

    private Task RefuseAsync(HttpContext context, ServedObject served, string fault)
    {
        LogChanged(served.Id, fault);
        return new Problem(
            StatusCodes.Status500InternalServerError,
            ProblemTypes.ObjectChanged,
            "The object changed",
            $"Object {served.Id} is not what it was when it was offered, or cannot be read: {fault}").WriteAsync(context);
    }

    private static string? FaultOf(ServedObject served)
    {
        try
        {
            served.Bytes.RequireUnchanged();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            served.Break(e);
        }

        return served.Fault;
    }

    /// <summary>The bytes that are asked for, once the first of them are there; neither they nor a problem where the client has them already.</summary>
    private async Task<(Asked? Asked, Problem? Problem)> ChooseAsync(HttpContext context, ServedObject served)
    {
        HttpResponse response = context.Response;
        RequestHeaders request = context.Request.GetTypedHeaders();
        var tag = new EntityTagHeaderValue($"\"{served.Tag}\"");
        response.Headers.ETag = tag.ToString();
        response.Headers.AcceptRanges = "bytes";
        response.Headers.CacheControl = "no-transform";
        if (request.IfMatch.Count > 0 && !request.IfMatch.Any(wanted => wanted.Compare(tag, useStrongComparison: true) || IsAny(wanted)))
        {
            return (null, new Problem(
                StatusCodes.Status412PreconditionFailed,
                ProblemTypes.ObjectChanged,
                "The object changed",
                $"Object {served.Id} is now {served.Tag}, which is not what If-Match asks for."));
        }

        if (request.IfNoneMatch.Any(known => known.Compare(tag, useStrongComparison: false) || IsAny(known)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return (null, null);
        }

        long length = served.Layout.Length;
        (long from, long to, bool partial) = Choose(context, request, tag, length);
        if (from >= to && partial)
        {
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{length}");
            return (null, new Problem(
                StatusCodes.Status416RangeNotSatisfiable,
                ProblemTypes.RangeNotSatisfiable,
                "There are no such bytes",
                $"Object {served.Id} has {length} bytes; the range {context.Request.Headers.Range} begins behind them."));
        }

        if (from == to || !HttpMethods.IsGet(context.Request.Method))
        {
            return (new Asked(from, to, partial, null), null);
        }

        return await WaitForFirstAsync(context, served, new Asked(from, to, partial, null));
    }

    /// <summary>Waits for the part that the answer begins with, so that a status can still say that it is not there yet, or never will be.</summary>
    private async Task<(Asked? Asked, Problem? Problem)> WaitForFirstAsync(HttpContext context, ServedObject served, Asked asked)
    {
        using var deadline = new CancellationTokenSource(PreferredWait.Of(context.Request, PartWaitMax) ?? PartWaitMax, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, context.RequestAborted);
        int part = (int)(asked.From / served.Layout.PartBytes);
        try
        {
            await served.WaitForAsync(part, either.Token);
            bool whole = asked.From == served.Layout.OffsetOf(part) && asked.To - asked.From == served.Layout.BytesOf(part);
            return (asked with { Checksum = whole ? served.FindChecksum(part) : null }, null);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            context.Response.Headers.RetryAfter = "1";
            return (null, new Problem(
                StatusCodes.Status503ServiceUnavailable,
                ProblemTypes.PartNotReady,
                "The part is still being made",
                $"Part {part} of object {served.Id} is not there yet. Ask again."));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            await RefuseAsync(context, served, e.Message);
            return (null, null);
        }
    }

    private static void SetHeaders(HttpResponse response, ServedObject served, Asked asked)
    {
        response.StatusCode = asked.Partial ? StatusCodes.Status206PartialContent : StatusCodes.Status200OK;
        response.ContentType = "application/octet-stream";
        response.ContentLength = asked.To - asked.From;
        if (asked.Partial)
        {
            response.Headers.ContentRange =
                string.Create(CultureInfo.InvariantCulture, $"bytes {asked.From}-{asked.To - 1}/{served.Layout.Length}");
        }

        // RFC 9530: of the content, where it is one part; of the object, where that is one part.
        if (asked.Checksum is { } digest)
        {
            response.Headers[DigestField.ContentDigest] = DigestField.Format(digest);
        }

        if (served.Layout.Count == 1 && asked.Checksum is { } only)
        {
            response.Headers[DigestField.ReprDigest] = DigestField.Format(only);
        }
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

    private async Task SendBodyAsync(HttpContext context, ServedObject served, long from, long to)
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
                served,
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
        catch (IOException) when (served.Fault is { } fault)
        {
            // The status has gone out; a broken connection is how HTTP says that a body is not complete.
            LogChanged(served.Id, fault);
            context.Abort();
        }
        catch (ObjectDisposedException)
        {
            // It is no longer offered.
            context.Abort();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            if (watch.IsStalled)
            {
                LogStalled(served.Id, watch.MovedInWindow, _options.Progress.Window);
            }

            context.Abort();
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Object {Id} cannot be served: {Reason}")]
    private partial void LogChanged(string id, string reason);

    [LoggerMessage(2, LogLevel.Warning, "A download of object {Id} was cut off: it took only {Bytes} bytes within {Window}")]
    private partial void LogStalled(string id, long bytes, TimeSpan window);

    /// <summary>The bytes of an answer.</summary>
    /// <param name="From">The first.</param>
    /// <param name="To">The end.</param>
    /// <param name="Partial">Whether a range was asked for.</param>
    /// <param name="Checksum">Of the content, where that is exactly one part and somebody has read it before.</param>
    private readonly record struct Asked(long From, long To, bool Partial, PartChecksum? Checksum);
}
