using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tributary;

/// <summary>
/// A piece of work as a span of a trace, and its duration in a histogram. Nobody pays for it unless somebody listens. Compiled into the
/// rooms that work, none of which knows who listens.
/// </summary>
internal sealed class TracedOperation : IDisposable
{
    private readonly Histogram<double> _seconds;
    private readonly Activity? _span;
    private readonly Activity? _around;
    private readonly long _start = Stopwatch.GetTimestamp();
    private TagList _tags;

    private TracedOperation(Histogram<double> seconds, Activity? span, Activity? around, TagList tags)
    {
        _seconds = seconds;
        _span = span;
        _around = around;
        _tags = tags;
    }

    /// <summary>Begins a span within the one around it. What is begun from here on in this flow of control belongs to it.</summary>
    /// <param name="source">Whose span it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="seconds">The durations of its kind.</param>
    /// <param name="tags">What both span and duration are of: things of which there are few.</param>
    public static TracedOperation Begin(ActivitySource source, string name, Histogram<double> seconds, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        Activity? around = Activity.Current;
        return new TracedOperation(seconds, Tag(source.StartActivity(name), tags), around, new TagList(tags));
    }

    /// <summary>The same within a span that is another process's, or none, and for work that was handed over by somebody.</summary>
    public static TracedOperation Begin(
        ActivitySource source, string name, Histogram<double> seconds, ActivityContext parent, ActivityKind kind, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        Activity? around = Activity.Current;
        // A context that says nothing would mean the span around it.
        Activity.Current = null;
        Activity? span = Tag(source.StartActivity(name, kind, parent), tags);
        if (span is null)
        {
            Activity.Current = around;
        }

        return new TracedOperation(seconds, span, around, new TagList(tags));
    }

    /// <summary>The span, as a parent of others.</summary>
    public ActivityContext Context => _span?.Context ?? default;

    /// <summary>Says something of the span alone: a duration is not told apart by what there are many of.</summary>
    public TracedOperation With(string name, object? value)
    {
        _span?.SetTag(name, value);
        return this;
    }

    /// <summary>Says that the work failed.</summary>
    public void Fail(Exception fault)
    {
        _span?.SetStatus(ActivityStatusCode.Error, fault.Message);
        _span?.SetTag("error.type", fault.GetType().FullName);
        _tags.Add("error.type", fault.GetType().FullName);
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _span?.Dispose();
        Activity.Current = _around;
        _seconds.Record(Stopwatch.GetElapsedTime(_start).TotalSeconds, _tags);
    }

    private static Activity? Tag(Activity? span, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach ((string name, object? value) in tags)
        {
            span?.SetTag(name, value);
        }

        return span;
    }
}
