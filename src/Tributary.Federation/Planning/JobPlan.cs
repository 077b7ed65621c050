using Tributary.Codecs;
using Tributary.Codecs.Adaptive;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Federation.Planning;

/// <summary>
/// What a job will move and hold, computed before it runs. Every encoding is of fixed rate, so the lengths of messages are exact, and the most there can be where precisions are adaptive; disk is the most there is at
/// once, and what is resent after faults is not foreseen.
/// </summary>
public sealed record JobPlan
{
    /// <summary>The model's parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>The bytes of the message that a site begins with: the whole model.</summary>
    public required long FirstDown { get; init; }

    /// <summary>The bytes of every later message to a site that is up to date.</summary>
    public required long LaterDown { get; init; }

    /// <summary>The bytes of a site's result.</summary>
    public required long Up { get; init; }

    /// <summary>The bytes that a site which has missed messages fetches beside the next one; none where messages are whole models.</summary>
    public required long CatchUp { get; init; }

    /// <summary>The sites that take part in a round.</summary>
    public required int SitesDrawn { get; init; }

    /// <summary>What a round moves, both directions, all sites, by round from 1; the last evaluation is after the last.</summary>
    public required IReadOnlyList<RoundPlan> Rounds { get; init; }

    /// <summary>The most bytes at once on the server's disk, beside the model that the job starts from.</summary>
    public required long ServerDisk { get; init; }

    /// <summary>The most bytes at once on a site's disk, beside its data and its own copy of the model.</summary>
    public required long SiteDisk { get; init; }

    /// <summary>The bytes of messages that the server and a site hold in memory at once, because the job streams by message or by tensor; none for file streaming.</summary>
    public required long StreamedUnit { get; init; }

    /// <summary>The bytes of memory that the trainer inside takes for the weights, gradients and optimizer state of what it trains, without activations; other trainers say themselves.</summary>
    public required long TrainerMemory { get; init; }

    /// <summary>All that moves, both directions.</summary>
    public long Bytes => Rounds.Sum(round => round.Down + round.Up);

    /// <summary>What the same messages would have as fp32 weights, whole models each time.</summary>
    public long BytesAsFp32 => Rounds.Sum(round => round.Messages) * Parameters * sizeof(float);

    /// <summary>Foresees a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="model">The model that travels.</param>
    public static JobPlan Of(Job job, TensorManifest model)
    {
        // The server keeps the global model in fp32, whatever the initial one is.
        TensorSource whole = new CastSource(new Specified(model), DType.F32);
        if (job.Workflow == Scaffold.Name)
        {
            whole = new JoinedSource(whole, new ZeroSource(whole), Scaffold.ControlPrefix);
        }

        bool isDelta = job.Exchange == Exchange.Delta;
        TensorSource trained = TrainedTensors.Of(whole, job.Train);
        SafetensorsWriter first = Message(job with { Precision = job.WholePrecision }, FilterPoint.TaskDataOut, whole);
        long later = isDelta ? LengthOf(job, FilterPoint.TaskDataOut, trained) : first.Header.FileLength;
        long up = LengthOf(job, FilterPoint.TaskResultOut, trained);
        long fp32 = whole.Manifest.ElementCount * sizeof(float);
        int sites = job.Sites.Count;
        int drawn = Math.Clamp(job.Sample?.Of(sites) ?? sites, 1, sites);
        int optimizer = job.ServerOptimizer is null ? 0 : 2;
        long catchUp = isDelta ? new SafetensorsWriter(whole).Header.FileLength : 0;
        long last = isDelta ? LengthOf(job with { Precision = job.LastPrecision }, FilterPoint.TaskDataOut, trained) : later;
        var sizes = new Sizes(first.Header.FileLength, later, last, up, catchUp);
        return new JobPlan
        {
            Parameters = model.ElementCount,
            FirstDown = first.Header.FileLength,
            LaterDown = later,
            Up = up,
            CatchUp = catchUp,
            SitesDrawn = drawn,
            Rounds = RoundsOf(job, sizes),

            // The last, the best and the next global model, shadows, messages, and what came of every site.
            ServerDisk = ((3 + (isDelta ? 2 : 0) + (2 * optimizer)) * fp32) + (2 * Math.Max(first.Header.FileLength, later)) + (drawn * up),

            // The model as it was held and as it becomes, what its precision lost of the last result and loses of this one, what arrives, and the result.
            SiteDisk = (isDelta ? 2 * fp32 : 0) + (job.KeepsResiduals && up < trained.Manifest.ByteLength ? 2 * trained.Manifest.ByteLength : 0) + first.Header.FileLength + up + (job.Train.Trainer == TrainerOffer.Builtin ? 0 : 2 * fp32),
            StreamedUnit = LongestUnit(StreamingUnits.Ends(job.Streaming, first)),
            TrainerMemory = 4 * trained.Manifest.ElementCount * sizeof(float),
        };
    }

    private static List<RoundPlan> RoundsOf(Job job, Sizes sizes)
    {
        var rounds = new List<RoundPlan>();
        var steps = new Steps(job, sizes);
        int training = job.Workflow == Evaluate.Name ? 0 : job.Rounds;
        for (int round = 1; round <= training; round++)
        {
            IReadOnlyList<string> drawn = SiteDraw.Of(job, round);
            switch (job.Workflow)
            {
                case FedBuff.Name:
                    // Which sites are fast only the run shows.
                    steps.Send([.. job.Sites.Take(job.Buffer?.Size ?? (job.Sites.Count + 1) / 2)], returns: true);
                    break;
                case Cyclic.Name:
                    steps.Send(job.Sites, returns: false);
                    foreach (string site in drawn)
                    {
                        steps.Send([site], returns: true);
                    }

                    break;
                default:
                    steps.Send(drawn, returns: true);
                    break;
            }

            if (job.Workflow == CrossSiteEvaluation.Name && round == job.Rounds)
            {
                foreach (string _ in drawn)
                {
                    steps.Send(job.Sites, returns: false, isLast: true);
                }
            }

            rounds.Add(steps.Take(round));
        }

        if (!job.WithholdsFigures || job.Workflow != FedAvg.Name)
        {
            steps.Send(job.Sites, returns: false, isLast: true);
            rounds.Add(steps.Take(training + 1));
        }

        return rounds;
    }

    /// <summary>A message's bytes; of an adaptive precision the most that it may have.</summary>
    private static long LengthOf(Job job, FilterPoint point, TensorSource source)
    {
        bool isTask = point == FilterPoint.TaskDataOut;
        if (!isTask && job.Precision.Ring is { } ring)
        {
            IEnumerable<TensorEntry> packed = RingTensors.Of(job, source.Manifest).Select(entry => new TensorEntry(new TensorSpec(entry.Spec.Name, DType.U8, new TensorShape(((entry.Spec.ElementCount * ring.Bits) + 7) / 8))));
            return MessageFile.Plan(new Specified(new TensorManifest(packed))).Header.FileLength;
        }

        if ((isTask ? job.Precision.Task : job.Precision.Result) is not (JobPrecision.Adaptive or JobPrecision.Auto))
        {
            return Message(job, point, source).Header.FileLength;
        }

        var longest = MessageFile.Plan(new QuantizedSource(source, AdaptivePrecision.Options.MaxBy(codec => codec.Name.Length)!));
        return longest.Header.Bytes.Length + AdaptFilter.BytesMax(source.Manifest, job.Precision.Budget ?? new JobBudget(), isTask);
    }

    private static SafetensorsWriter Message(Job job, FilterPoint point, TensorSource source) => MessageFile.Plan(FilterPipeline.For(point, job.Precision).Apply(source));

    private static long LongestUnit(IReadOnlyList<long> ends)
    {
        (long longest, long begin) = (0, 0);
        foreach (long end in ends)
        {
            (longest, begin) = (Math.Max(longest, end - begin), end);
        }

        return longest;
    }

    private sealed record Sizes(long First, long Later, long Last, long Up, long Whole);

    /// <summary>Counts step after step: who holds the base of the next message, and who has to fetch it.</summary>
    private sealed class Steps(Job job, Sizes sizes)
    {
        private IReadOnlyList<string> _upToDate = [];
        private int _sent;
        private long _down;
        private long _up;
        private long _messages;

        public void Send(IReadOnlyList<string> sites, bool returns, bool isLast = false)
        {
            bool isChange = job.Exchange == Exchange.Delta && _sent > 0;

            // The base of the second message is the first one; that of later ones a plain file.
            long catchUp = isChange ? _sent == 1 ? sizes.First : sizes.Whole : 0;
            int late = sites.Except(_upToDate, StringComparer.Ordinal).Count();
            _down += (sites.Count * (isChange ? (isLast ? sizes.Last : sizes.Later) : sizes.First)) + (late * catchUp);
            _up += returns ? sites.Count * sizes.Up : 0;
            _messages += sites.Count * (returns ? 2 : 1);
            _upToDate = sites;
            _sent++;
        }

        public RoundPlan Take(int round)
        {
            var taken = new RoundPlan(round, _down, _up, _messages);
            (_down, _up, _messages) = (0, 0, 0);
            return taken;
        }
    }

    /// <summary>Tensors of which there is nothing but the names and shapes.</summary>
    private sealed class Specified(TensorManifest manifest) : TensorSource
    {
        public override TensorManifest Manifest => manifest;

        public override void Read(Tile tile, int offset, Span<byte> destination) => throw new InvalidOperationException("there are no values to read");
    }
}

/// <summary>What a round moves.</summary>
/// <param name="Round">The round, from 1.</param>
/// <param name="Down">Bytes to the sites, all together.</param>
/// <param name="Up">Bytes from them.</param>
/// <param name="Messages">How many messages that is.</param>
public sealed record RoundPlan(int Round, long Down, long Up, long Messages);
