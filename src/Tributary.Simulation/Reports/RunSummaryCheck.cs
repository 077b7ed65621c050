namespace Tributary.Simulation.Reports;

/// <summary>What a summary must hold to before it is written anywhere.</summary>
internal static class RunSummaryCheck
{
    /// <summary>Refuses a number that is not finite, and a round with a site that the run does not have.</summary>
    /// <exception cref="InvalidDataException">With the job, the place and the value.</exception>
    public static void Require(RunSummary summary)
    {
        ArgumentNullException.ThrowIfNull(summary);
        string run = $"job '{summary.Job}'";
        Finite(run, "initialLoss", summary.InitialLoss ?? 0);
        Finite(run, "finalLoss", summary.FinalLoss ?? 0);
        Finite(run, "bestLoss", summary.BestLoss ?? 0);
        Finite(run, "seconds", summary.Seconds);
        var known = summary.Sites.Select(site => site.Name).ToHashSet(StringComparer.Ordinal);
        foreach (RoundSummary round in summary.Rounds)
        {
            string place = $"{run}, round {round.Round}";
            Finite(place, "globalLoss", round.GlobalLoss ?? 0);
            Finite(place, "seconds", round.Seconds);
            Finite(place, "encodeSeconds", round.EncodeSeconds);
            Finite(place, "mergeSeconds", round.MergeSeconds);
            foreach (SiteRoundSummary site in round.Sites)
            {
                Require(place, site, known);
            }
        }
    }

    private static void Require(string round, SiteRoundSummary site, HashSet<string> known)
    {
        if (!known.Contains(site.Site))
        {
            throw new InvalidDataException(
                $"The summary of {round} has a part of site '{site.Site}', which is not among the run's sites. Add it to sites.");
        }

        string place = $"{round}, site '{site.Site}'";
        Finite(place, "receivedLoss", site.ReceivedLoss ?? 0);
        Finite(place, "trainLoss", site.TrainLoss ?? 0);
        Finite(place, "localLoss", site.LocalLoss ?? 0);
        Finite(place, "downloadSeconds", site.DownloadSeconds);
        Finite(place, "trainSeconds", site.TrainSeconds);
        Finite(place, "evaluateSeconds", site.EvaluateSeconds);
        Finite(place, "uploadSeconds", site.UploadSeconds);
    }

    private static void Finite(string place, string member, double value)
    {
        if (!double.IsFinite(value))
        {
            throw new InvalidDataException(
                $"The summary of {place} has {member} = {value}, and only finite numbers can be written. "
                + "If it is a loss, training diverged there: lower the learning rate.");
        }
    }
}
