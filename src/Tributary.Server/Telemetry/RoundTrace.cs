using System.Diagnostics;
using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;

namespace Tributary.Server.Telemetry;

/// <summary>
/// The span of the round that a job is in: from its first step until its model is saved, another round begins or the job ends. Safe for several threads: a
/// merge ends while the next step is under way.
/// </summary>
internal sealed class RoundTrace(Job job) : IDisposable
{
    private readonly Lock _lock = new();
    private TracedOperation? _round;
    private int _number;

    /// <summary>Begins the span of a step, and that of its round where it is the first.</summary>
    public TracedOperation BeginStep(TaskRequest request)
    {
        lock (_lock)
        {
            if (_round is null || _number != request.Round)
            {
                Dispose();
                Activity? around = Activity.Current;
                (_round, _number) = (ServerTelemetry.BeginRound(job, request.Round), request.Round);

                // The round is nobody's flow of control: what belongs to it is given its context.
                Activity.Current = around;
            }

            return ServerTelemetry.BeginStep(job, request, _round.Context);
        }
    }

    /// <summary>Begins the span of a merge, in its round where that has had a step since the server was started.</summary>
    public TracedOperation BeginMerge(int round)
    {
        lock (_lock)
        {
            return ServerTelemetry.BeginMerge(job, round, _number == round ? _round?.Context ?? default : default);
        }
    }

    /// <summary>Ends a round, if it is the one that the job is in.</summary>
    public void End(int round)
    {
        lock (_lock)
        {
            if (_number == round)
            {
                Dispose();
            }
        }
    }

    /// <summary>Ends the round that the job is in.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            Activity? around = Activity.Current;
            _round?.Dispose();
            _round = null;
            Activity.Current = around;
        }
    }
}
