using System.Runtime.InteropServices;
using System.Text.Json;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Privacy.Accounting;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Tensors;

namespace Tributary.Server.Jobs;

/// <summary>
/// The rounds of a job whose results are integers of a ring: says how large values may be, asks for them, bare or through secure aggregation, and adds them up.
/// </summary>
internal sealed class RingRounds(JobRun run, Action<JobEvent> report)
{
    /// <summary>The name under which the size of a round's mean change is kept, which the next round's range goes by.</summary>
    private const string Size = "change-size";

    // Of the changes that sites make, hardly any is beyond so many times the root mean square of their mean, which is smaller than theirs.
    private const double RangeOverSize = 8;
    private const double RangeMin = 1e-12;

    private (TensorSource Sum, RingGrid Grid)? _made;

    /// <summary>A round's training.</summary>
    public async Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest train, CancellationToken cancellationToken)
    {
        RingGrid grid = GridOf(train);
        if (run.Job.SecureAggregation is null)
        {
            string note = JsonSerializer.Serialize(new RoundNote(grid.Range), AggregationJson.Default.RoundNote);
            IReadOnlyList<SiteResult> results = await run.AskAsync(train with { Notes = (train.Sites ?? run.Job.Sites).ToDictionary(site => site, _ => note, StringComparer.Ordinal) }, cancellationToken);
            _made = (new RingSumSource([.. results.OrderBy(result => result.Site, StringComparer.Ordinal).Select(result => result.Update!)], grid), grid);
            await KeepSizeAsync(train.Round, Mean(results), cancellationToken);
            return results;
        }

        VerifyStatement verify = run.Verify ?? throw new JobFailedException("secure aggregation: sites sign with their kits, and this server has none to hold their certificates against");
        (IReadOnlyList<SiteResult> masked, TensorSource sum) = await AddUpAsync(train, grid, verify, cancellationToken);
        _made = (sum, grid);
        await KeepSizeAsync(train.Round, Mean(masked), cancellationToken);
        return masked;
    }

    /// <summary>
    /// What the sum comes to: the mean over the sites that are in it, alike or by the records that it says are in it; with noise in it over those that the round was for, a number that no site sets.
    /// </summary>
    /// <exception cref="JobFailedException">The number of records in the sum makes no sense.</exception>
    public TensorSource Mean(IReadOnlyList<SiteResult> results)
    {
        (TensorSource sum, RingGrid grid) = _made!.Value;
        if (!run.Job.CountsSamples)
        {
            return new RingMean(sum, grid, run.Job.AddsNoiseAtSites ? RoundPrivacy.SitesOf(run.Job) : results.Count);
        }

        try
        {
            long most = run.Job.Aggregation.SamplesMax;
            return new RingMean(JoinedSource.ModelOf(sum, RingTensors.Samples), grid, (double)SampleCount.Total(sum, most, grid) / most);
        }
        catch (TensorFormatException e)
        {
            throw new JobFailedException($"the ring: {e.Message}", e);
        }
    }

    /// <summary>The sum under masks. An attempt for which too few sites are left, as where they were started again and have lost their secrets, has told nothing: another is made with new keys.</summary>
    private async Task<(IReadOnlyList<SiteResult> Results, TensorSource Sum)> AddUpAsync(TaskRequest train, RingGrid grid, VerifyStatement verify, CancellationToken cancellationToken)
    {
        // Those before the last that was begun had come to nothing.
        int begun = Math.Max(0, run.Attempts(train.Round) - 1);
        for (int attempt = begun; ; attempt++)
        {
            var round = new SecureRound(run.Job, AggregationTasks.NameOf(run.Job, run.Signed, attempt), attempt, train, grid, verify, report);
            try
            {
                return await round.RunAsync(request => run.AskAsync(request, cancellationToken), () => run.SentContent(cancellationToken));
            }
            catch (JobFailedException e) when (attempt < begun + run.Job.TaskRetries)
            {
                report(new SumBegunAgain(train.Round, e.Message));
            }
        }
    }

    /// <summary>Keeps what the next round's range goes by.</summary>
    private Task KeepSizeAsync(int round, TensorSource mean, CancellationToken cancellationToken) =>
        run.Job.AddsNoiseAtSites ? Task.CompletedTask : run.KeepAsync(round, Size, () => new OneNumber(Size, RootMeanSquare(mean)), cancellationToken);

    private RingGrid GridOf(TaskRequest train)
    {
        try
        {
            Job job = run.Job;
            if (job.AddsNoiseAtSites)
            {
                return RingNoise.Of(job, TrainedTensors.Of(train.Model.Weights, job.Train).Manifest.ElementCount).Grid;
            }

            double range = run.FindKept(train.Round - 1, Size) is { } size ? Math.Max(RangeMin, RangeOverSize * size.ReadFloats(Size)[0]) : job.Precision.Ring!.Range ?? JobRing.RangeUsual;
            return new RingGrid(range, job.Precision.Ring!.Bits, RoundPrivacy.SitesOf(job));
        }
        catch (ArgumentException e)
        {
            throw new JobFailedException($"round {train.Round}: the ring: {e.Message}", e);
        }
    }

    /// <summary>Of strips that lie evenly over each tensor: enough to know a size by.</summary>
    private static double RootMeanSquare(TensorSource mean)
    {
        const int Strips = 32;
        (double squares, double weight) = (0, 0);
        using NativeBuffer values = NativeBuffer.RentFloats(Tile.StripAlignment);
        for (int tensor = 0; tensor < mean.Manifest.Count; tensor++)
        {
            long elements = mean.Manifest[tensor].Spec.ElementCount;
            long strips = (elements + Tile.StripAlignment - 1) / Tile.StripAlignment;
            (double sum, long count) = (0, 0);
            for (long at = 0; at < Math.Min(strips, Strips); at++)
            {
                long first = strips * at / Math.Min(strips, Strips) * Tile.StripAlignment;
                Span<float> strip = values.Floats[..(int)Math.Min(Tile.StripAlignment, elements - first)];
                mean.ReadFloats(new Tile(tensor, first / Tile.ElementsMax), (int)(first % Tile.ElementsMax), strip);
                foreach (float value in strip)
                {
                    sum += (double)value * value;
                }

                count += strip.Length;
            }

            if (count > 0)
            {
                squares += sum / count * elements;
                weight += elements;
            }
        }

        return weight > 0 ? Math.Sqrt(squares / weight) : 0;
    }

    private sealed class OneNumber(string name, double number) : TensorSource
    {
        public override TensorManifest Manifest { get; } = new([new TensorEntry(new TensorSpec(name, DType.F32, new TensorShape(1)))]);

        public override void Read(Tile tile, int offset, Span<byte> destination) => MemoryMarshal.Write(destination, (float)number);
    }
}
