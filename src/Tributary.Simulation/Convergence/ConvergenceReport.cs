namespace Tributary.Simulation.Convergence;

/// <summary>What an experiment came to: the document that <c>bench convergence --json</c> prints and its page is drawn from.</summary>
/// <param name="Name">The experiment's name.</param>
/// <param name="Model">The model's folder.</param>
/// <param name="Started">When it began.</param>
/// <param name="Version">The version of Tributary that ran.</param>
/// <param name="Machine">What it ran on.</param>
/// <param name="Seeds">The seeds.</param>
/// <param name="Settings">The settings in order.</param>
public sealed record ConvergenceReport(
    string Name, string Model, DateTimeOffset Started, string Version, string Machine, IReadOnlyList<ulong> Seeds, IReadOnlyList<SettingResult> Settings)
{
    /// <summary>Whether every setting that is judged holds what it is held to.</summary>
    public bool Passes => Settings.All(setting => setting.Passes != false);

    internal static ConvergenceReport Of(ConvergenceSpec spec, IReadOnlyList<ConvergenceRun> runs, string model, DateTimeOffset started)
    {
        var bySetting = runs.GroupBy(run => run.Setting, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.ToArray(), StringComparer.Ordinal);
        string machine = $"{Environment.ProcessorCount} cores, {System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture}";
        return new ConvergenceReport(
            spec.Name, model, started, typeof(ConvergenceReport).Assembly.GetName().Version!.ToString(3), machine, spec.Seeds, [.. spec.Settings.Select(Judge)]);

        SettingResult Judge(ConvergenceSetting setting)
        {
            ConvergenceRun[] own = bySetting[setting.Name];
            double? share = own.Sum(run => run.Fp32Bytes) is > 0 and var fp32 ? own.Sum(run => run.Bytes) / (double)fp32 : null;
            if (setting.Against is not { } against)
            {
                return new SettingResult(setting.Name, setting.Note, null, own, share, null, null, []);
            }

            ConvergenceRun[] reference = bySetting[against];
            double improvement = reference.Average(run => run.Start - run.Best);
            if (improvement < ConvergenceSpec.ImprovementMin)
            {
                throw new UsageException(FormattableString.Invariant(
                    $"{spec.Name}: '{against}' improves the held-out loss by {improvement:F3} nats, and below {ConvergenceSpec.ImprovementMin} a comparison with it shows nothing; give it more rounds or other data"));
            }

            var regret = Regret.Of(own, reference);
            if (!setting.IsJudged)
            {
                return new SettingResult(setting.Name, setting.Note, against, own, share, regret, null, []);
            }

            var failures = new List<string>();
            if (setting.MeanRegretMax is { } meanMax ? regret.Mean > meanMax : regret.Upper > ConvergenceSpec.RegretMax)
            {
                failures.Add(setting.MeanRegretMax is { } max
                    ? FormattableString.Invariant($"its mean regret is above {100 * max:0.##} %")
                    : FormattableString.Invariant($"the upper end of its mean regret's interval is above {100 * ConvergenceSpec.RegretMax:0.##} %"));
            }

            if (setting.BytesMax is { } bytesMax && share > bytesMax)
            {
                failures.Add(FormattableString.Invariant($"it sends {100 * share:0.00} % of the bytes of fp32, above {100 * bytesMax:0.##} %"));
            }

            return new SettingResult(setting.Name, setting.Note, against, own, share, regret, failures.Count == 0, failures);
        }
    }
}

/// <summary>What a setting came to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Note">What is worth knowing of it.</param>
/// <param name="Against">The setting that it is held against; null for a reference.</param>
/// <param name="Runs">Its runs, by seed.</param>
/// <param name="ByteShare">Payload and meta as a share of the same messages as fp32 weights; null where nothing was sent.</param>
/// <param name="Regret">How much less it learnt than what it is held against.</param>
/// <param name="Passes">Whether it holds what it is held to; null where it is not judged.</param>
/// <param name="Failures">What it does not hold.</param>
public sealed record SettingResult(
    string Name, string? Note, string? Against, IReadOnlyList<ConvergenceRun> Runs, double? ByteShare, Regret? Regret, bool? Passes, IReadOnlyList<string> Failures);
