using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Tributary.Cli.Terminal;
using Tributary.Privacy.Accounting;
using Tributary.Simulation;

namespace Tributary.Cli.Commands;

/// <summary><c>privacy plan</c>: which epsilon some noise gives, and which noise an epsilon needs, before anything is spent.</summary>
internal static class PrivacyCommand
{
    /// <summary>Above it, e^epsilon is so large that any belief about a person can become certainty.</summary>
    private const double EpsilonOfNoUse = 50;

    private const long RoundsMax = 1_000_000_000;

    private static readonly Option<long> Rounds = new("--rounds") { Description = "How often noise is added: the rounds, or a trainer's steps", Required = true };
    private static readonly Option<double?> Noise = new("--noise-multiplier") { Description = "The noise's standard deviation over the clip bound; asks for epsilon" };
    private static readonly Option<double?> Epsilon = new("--epsilon") { Description = "The most that may be spent; asks for the least noise" };
    private static readonly Option<double> Delta = new("--delta")
    {
        Description = "The probability with which epsilon may not hold: well below one over the number of records, or sites",
        Required = true,
    };

    private static readonly Option<double?> Rate = new("--sampling-rate")
    {
        Description = "The probability with which each record (or site) is in a step, by a coin of its own (Poisson); leave it out for batches of a fixed size or shuffled epochs",
    };

    private static readonly Option<double?> Clip = new("--clip") { Description = "The bound on the norm of what one record (or site) contributes; shows the noise's standard deviation as well" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var plan = new Command("plan", "Which epsilon a noise gives, or which noise an epsilon needs, for so many rounds") { Rounds, Noise, Epsilon, Delta, Rate, Clip, Json };
        plan.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(Plan(parsed))));
        return new Command("privacy", "Differential privacy")
        {
            plan.WithExamples(
                "privacy plan --rounds 20 --noise-multiplier 4 --delta 1e-5",
                "privacy plan --rounds 20 --epsilon 5 --delta 1e-5 --clip 0.5",
                "privacy plan --rounds 2250 --noise-multiplier 1.5 --sampling-rate 0.04 --delta 1e-5 --json"),
        };
    }

    private static int Plan(ParseResult parsed)
    {
        long rounds = parsed.GetRequiredValue(Rounds);
        if (rounds is < 1 or > RoundsMax)
        {
            throw new UsageException($"--rounds is {rounds}, but should be from 1 to {RoundsMax}");
        }

        double delta = parsed.GetRequiredValue(Delta);
        double? rate = parsed.GetValue(Rate);
        double? clip = Positive(parsed, Clip);
        if (delta is not (> 0 and < 1))
        {
            throw new UsageException($"--delta is {delta}, but should be above 0 and below 1, such as 1e-5");
        }

        if (rate is not (null or (> 0 and <= 1)))
        {
            throw new UsageException($"--sampling-rate is {rate}, but should be above 0 and up to 1");
        }

        (double? noise, double? epsilon) = (Positive(parsed, Noise), Positive(parsed, Epsilon));
        if (noise is null == epsilon is null)
        {
            throw new UsageException("give one of --noise-multiplier, to learn epsilon, and --epsilon, to learn the noise");
        }

        PlannedPrivacy At(long count) => noise is not null
            ? PlannedPrivacy.Of(count, noise.Value, delta, rate)
            : PlannedPrivacy.For(count, epsilon!.Value, delta, rate);

        PlannedPrivacy[] plans = [.. new[] { rounds / 2, rounds, rounds * 2 }.Where(count => count > 0).Select(At)];
        Print(parsed, plans, plans.Single(plan => plan.Rounds == rounds), clip);
        return 0;
    }

    private static void Print(ParseResult parsed, PlannedPrivacy[] plans, PlannedPrivacy asked, double? clip)
    {
        double delta = parsed.GetRequiredValue(Delta);
        string? warning = asked.Epsilon > EpsilonOfNoUse
            ? $"epsilon {Number(asked.Epsilon)} protects nobody: it lets what is sent make any guess about a person e^{Number(asked.Epsilon)} times as likely; "
                + "plan for 10 or less, with more noise, fewer rounds or smaller samples"
            : null;
        if (parsed.GetValue(Json))
        {
            object Document(PlannedPrivacy plan) =>
                new { rounds = plan.Rounds, noiseMultiplier = plan.NoiseMultiplier, epsilon = plan.Epsilon, order = plan.Order, deviation = plan.NoiseMultiplier * clip };
            Console.Out.WriteLine(JsonSerializer.Serialize(
                new { delta, samplingRate = parsed.GetValue(Rate), clip, asked = Document(asked), plans = plans.Select(Document), warning }, Output.Json));
            return;
        }

        Table table = new Table().Border(TableBorder.Simple);
        string[] columns = [string.Empty, "rounds", "noise multiplier", "epsilon", "order", .. clip is null ? Array.Empty<string>() : ["deviation"]];
        table.AddColumns([.. columns.Select(name => new TableColumn(name).RightAligned().NoWrap())]);
        foreach (PlannedPrivacy plan in plans)
        {
            string[] cells = [plan == asked ? "asked" : plan.Rounds < asked.Rounds ? "half" : "double", $"{plan.Rounds}", Number(plan.NoiseMultiplier), Number(plan.Epsilon), $"{plan.Order}"];
            table.AddRow([.. cells, .. clip is null ? Array.Empty<string>() : [Number(plan.NoiseMultiplier * clip.Value)]]);
        }

        string rounds = asked.Rounds == 1 ? "1 round" : $"{asked.Rounds} rounds";
        Console.Out.WriteLine($"epsilon {Number(asked.Epsilon)} at delta {delta}: {rounds} of noise multiplier {Number(asked.NoiseMultiplier)}, {Sampling(parsed.GetValue(Rate))}");
        Consoles.Out.Write(table);
        if (warning is not null)
        {
            Console.Error.WriteLine($"warning: {warning}");
        }
    }

    private static string Sampling(double? rate) =>
        rate is null or 1 ? "every record (or site) in every round" : $"each record (or site) in a round with the probability {rate}, by a coin of its own (Poisson sampling)";

    private static double? Positive(ParseResult parsed, Option<double?> option) => parsed.GetValue(option) is not { } value || (value > 0 && double.IsFinite(value))
        ? parsed.GetValue(option)
        : throw new UsageException($"{option.Name} is {parsed.GetValue(option)}, but should be a number above 0");

    private static string Number(double value) => value switch
    {
        < 0.001 => $"{value:0.##E+0}",
        < 1000 => $"{value:0.####}",
        _ => $"{value:0}",
    };
}
