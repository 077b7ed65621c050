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
    private readonly int _retries;
    private string? _broken;

    /// <summary>Opens a step.</summary>
    /// <param name="sites">The sites that take part.</param>
    /// <param name="siteTimeout">How long a site may say nothing.</param>
    /// <param name="retries">How often a site may try again after failing for a reason that may pass.</param>
    /// <param name="time">Measures silence.</param>
    public StepState(IEnumerable<string> sites, TimeSpan siteTimeout, int retries, TimeProvider time)
    {
        _time = time;
        _siteTimeout = siteTimeout;
        _retries = retries;
        foreach (string site in sites)
        {
            _parts.Add(site, new Part(SiteState.Waiting, time.GetTimestamp(), new TaskProgress(TaskPhase.Waiting)));
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
        Move(site, part => part.State == SiteState.Counted ? part : part with { State = SiteState.Failed, Reason = part.Failures == 0 ? reason : $"{reason} (in {part.Failures + 1} attempts)" });

    /// <summary>An attempt at the task failed for a reason that may pass: the site gets the task again, or has failed where it may not try once more.</summary>
    /// <param name="site">The site.</param>
    /// <param name="attempt">The attempt; said of the same one again, as where an answer was lost, it changes nothing.</param>
    /// <param name="reason">Why it failed.</param>
    /// <returns>Whether the site gets the task again for this.</returns>
    public bool Retry(string site, int attempt, string reason)
    {
        lock (_lock)
        {
            if (!_parts.TryGetValue(site, out Part? part) || part.State is not (SiteState.Waiting or SiteState.Working) || attempt <= part.FailedAttempt)
            {
                return false;
            }

            if (part.Failures == _retries)
            {
                Fail(site, reason);
                return false;
            }

            _parts[site] = new Part(SiteState.Waiting, _time.GetTimestamp(), new TaskProgress(TaskPhase.Waiting)) { Failures = part.Failures + 1, FailedAttempt = attempt };
            return true;
        }
    }

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

    private sealed record Part(SiteState State, long Heard, TaskProgress Progress)
    {
        public string? Reason { get; init; }

        /// <summary>How often it failed and was given the task again.</summary>
        public int Failures { get; init; }

        /// <summary>The attempt that failed last.</summary>
        public int FailedAttempt { get; init; }
    }
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
