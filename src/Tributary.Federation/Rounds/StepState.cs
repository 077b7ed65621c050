using Tributary.Federation.Tasks;

namespace Tributary.Federation.Rounds;

/// <summary>Where a site stands in a step.</summary>
public enum SiteState
{
    /// <summary>It has not asked for the task yet.</summary>
    Waiting,

    /// <summary>It has the task.</summary>
    Working,

    /// <summary>Its result is durable and counts.</summary>
    Counted,

    /// <summary>It said that it cannot do the task.</summary>
    Failed,

    /// <summary>It has not been heard of for longer than the job allows.</summary>
    Dead,
}

/// <summary>
/// A step's state machine: which site stands where, and whether the step can be closed. It holds no clock and no files; it is told.
/// All members may be called from several threads.
/// </summary>
public sealed class StepState
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Part> _parts = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly TimeSpan _siteTimeout;
    private string? _broken;

    /// <summary>Opens a step.</summary>
    public StepState(IEnumerable<string> sites, TimeSpan siteTimeout, TimeProvider time)
    {
        _time = time;
        _siteTimeout = siteTimeout;
        foreach (string site in sites)
        {
            _parts.Add(site, new Part(SiteState.Waiting, time.GetTimestamp(), new TaskProgress(TaskPhase.Waiting), null));
        }
    }

    /// <summary>Whether a site has work to do: it takes part and has neither finished nor failed.</summary>
    public bool Needs(string site)
    {
        lock (_lock)
        {
            return _parts.TryGetValue(site, out Part? part) && part.State is SiteState.Waiting or SiteState.Working;
        }
    }

    /// <summary>A sign of life, with how far the site has come.</summary>
    public void Heard(string site, TaskProgress progress) =>
        Move(site, part => part.State is SiteState.Waiting or SiteState.Working
            ? part with { State = SiteState.Working, Heard = _time.GetTimestamp(), Progress = progress }
            : part);

    /// <summary>A sign of life without news.</summary>
    public void Heard(string site) => Move(site, part => part with { Heard = _time.GetTimestamp() });

    /// <summary>The site's result is durable. The first one counts; later ones change nothing.</summary>
    public void Count(string site) => Move(site, part => part with { State = SiteState.Counted, Progress = new TaskProgress(TaskPhase.Done) });

    /// <summary>The site cannot do the task.</summary>
    public void Fail(string site, string reason) =>
        Move(site, part => part.State == SiteState.Counted ? part : part with { State = SiteState.Failed, Reason = reason });

    /// <summary>The server itself cannot go on with the step, as with a full disk.</summary>
    public void Break(string reason)
    {
        lock (_lock)
        {
            _broken ??= reason;
        }
    }

    /// <summary>Whether every site's result counts.</summary>
    /// <exception cref="StepBrokenException">The server cannot go on.</exception>
    /// <exception cref="SiteLostException">A site failed or is dead, so that this cannot become true.</exception>
    public bool IsComplete()
    {
        lock (_lock)
        {
            if (_broken is not null)
            {
                throw new StepBrokenException(_broken);
            }

            foreach ((string site, Part part) in _parts)
            {
                if (part.State is SiteState.Waiting or SiteState.Working && _time.GetElapsedTime(part.Heard) > _siteTimeout)
                {
                    string since = $"nothing was heard of it for {_siteTimeout.TotalSeconds:0.###} s while {part.Progress.Phase.ToString().ToLowerInvariant()}";
                    _parts[site] = part with { State = SiteState.Dead, Reason = since };
                }

                if (_parts[site] is { State: SiteState.Failed or SiteState.Dead } lost)
                {
                    throw new SiteLostException(site, lost.State, lost.Reason!);
                }
            }

            return _parts.Values.All(part => part.State == SiteState.Counted);
        }
    }

    private void Move(string site, Func<Part, Part> change)
    {
        lock (_lock)
        {
            if (_parts.TryGetValue(site, out Part? part))
            {
                _parts[site] = change(part);
            }
        }
    }

    private sealed record Part(SiteState State, long Heard, TaskProgress Progress, string? Reason);
}

/// <summary>A step cannot be closed because the server cannot go on.</summary>
public sealed class StepBrokenException : Exception
{
    /// <summary>Makes the error.</summary>
    public StepBrokenException(string reason)
        : base($"the server cannot go on: {reason}")
    {
    }
}

/// <summary>A step cannot be closed because a site is lost to it.</summary>
public sealed class SiteLostException : Exception
{
    /// <summary>Makes the error.</summary>
    public SiteLostException(string site, SiteState state, string reason)
        : base(state == SiteState.Dead ? $"site '{site}' is gone: {reason}" : $"site '{site}' failed: {reason}")
    {
        Site = site;
    }

    /// <summary>The site.</summary>
    public string Site { get; }
}
