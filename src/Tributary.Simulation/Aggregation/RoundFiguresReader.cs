using Tributary.Federation.Jobs;
using Tributary.Simulation.Experiments;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Simulation.Aggregation;

/// <summary>Makes rounds and their phases of what the processes told.</summary>
internal static class RoundFiguresReader
{
    public static IReadOnlyList<RoundFigures> Read(AggregationOptions options, ExperimentModel model, FederatedRecord record, MachineSpeeds speeds)
    {
        var rounds = new List<RoundFigures>();
        double begin = 0;
        for (int round = 1; round <= options.Rounds; round++)
        {
            (RoundFigures figures, begin) = Read(round, begin, options, model, record, speeds);
            rounds.Add(figures);
        }

        return rounds;
    }

    private static (RoundFigures Figures, double End) Read(int round, double begin, AggregationOptions options, ExperimentModel model, FederatedRecord record, MachineSpeeds speeds)
    {
        MessageOffered offered = record.Told.OfType<MessageOffered>().Single(told => told.Round == round);
        ResultArrived[] results = [.. record.Told.OfType<ResultArrived>().Where(told => told.Round == round)];
        MergeBegan merge = record.Told.OfType<MergeBegan>().Single(told => told.Round == round);
        ModelMerged merged = record.Told.OfType<ModelMerged>().Single(told => told.Round == round);
        ModelRead[] reads = [.. record.Sites.SelectMany(site => site.Reads).Where(read => read.Round == round)];
        double verified = record.Since(reads.Max(read => read.VerifiedAt)), returned = record.Since(results.Max(result => result.At)), end = record.Since(merged.At);

        long global = model.SizeIn("fp32").FileLength, result = results.Max(told => told.Bytes);
        var bytes = new RoundBytes(options, offered.Bytes, result, global);
        bool isChange = options.Exchange == Exchange.Delta && round > 1;
        double encode = record.Done.EncodeSeconds[round - 1];
        MovedBytes[] moved =
        [
            bytes.Download(isStored: encode == 0, isChange),
            bytes.Return(isChange ? global : offered.Bytes),
            bytes.Merge(merged.DiskReadBytes - merge.DiskReadBytes),
        ];
        PhaseFigures[] phases =
        [
            Of("download", verified - begin, moved[0], speeds),
            Of("return", returned - verified, moved[1], speeds),
            Of("merge", end - record.Since(merge.At), moved[2], speeds),
            Of("round", end - begin, new MovedBytes(moved.Sum(part => part.Read), moved[2].DiskRead, moved.Sum(part => part.Sent), moved.Sum(part => part.Written)), speeds),
        ];
        double use = reads.Max(read => record.Time.GetElapsedTime(read.VerifiedAt, read.ReadAt).TotalSeconds);
        return (new RoundFigures(round, offered.Bytes, result, encode, use, phases), end);
    }

    private static PhaseFigures Of(string phase, double seconds, MovedBytes bytes, MachineSpeeds speeds) => new(phase, seconds, bytes, speeds.Seconds(bytes));
}
