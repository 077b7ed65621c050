using System.Globalization;
using Tributary.Simulation.Reports;

namespace Tributary.Simulation.Tests.Reports;

public sealed class ReportWriterTests
{
    [Fact]
    public void A_reader_without_a_network_gets_the_whole_page()
    {
        using var report = new ReportFile(new SampleRun().Create());

        ReportFile.Loading().IsMatch(report.Markup).ShouldBeFalse("something is loaded from elsewhere");
        report.Markup.ShouldNotContain("://");
        string style = report.Html[..report.Html.IndexOf("</style>", StringComparison.Ordinal)];
        style.ShouldNotContain("url(");
        style.ShouldNotContain("@import");
        report.Html.ShouldContain("default-src 'none'");
        report.Html.ShouldNotContain("{{");
        report.Html.ShouldContain("Charts: Apache ECharts, Apache-2.0");
        report.Html.ShouldContain("t.version=\"6.0.0\"");
        report.Html.ShouldNotContain("ecStat");
        report.Html.ShouldNotContain("vizorECharts");
    }

    [Fact]
    public void A_reader_without_scripts_sees_the_tables_and_is_told_what_is_missing()
    {
        using var report = new ReportFile(new SampleRun().Create());

        report.Markup.ShouldContain("<noscript>");
        report.Table("sites-caption").Count.ShouldBe(3 + 1);
        report.Table("rounds-caption").Count.ShouldBe(1 + 6 + 1 + 1);
    }

    [Fact]
    public void The_table_of_rounds_says_what_the_summary_says()
    {
        RunSummary summary = new SampleRun().Create();
        using var report = new ReportFile(summary);

        IReadOnlyList<IReadOnlyList<string>> rows = report.Table("rounds-caption");

        double before = summary.InitialLoss!.Value;
        ReportFile.Number(rows[0][2]).ShouldBe(before, 0.0005);
        foreach (RoundSummary round in summary.Rounds)
        {
            IReadOnlyList<string> row = rows[round.Round];
            row.Count.ShouldBe(12);
            row[0].ShouldStartWith(round.Round.ToString(CultureInfo.InvariantCulture));
            row[1].ShouldBe("3");
            ReportFile.Number(row[2]).ShouldBe(round.GlobalLoss!.Value, 0.0005);
            ReportFile.Number(row[3]).ShouldBe(round.GlobalLoss.Value - before, 0.0005);
            ReportFile.Number(row[4]).ShouldBe(
                round.Sites.Sum(site => site.TrainLoss!.Value * site.Samples) / round.Sites.Sum(site => site.Samples), 0.0005);
            ReportFile.Number(row[5]).ShouldBe(round.Seconds, 0.05);
            ReportFile.Number(row[6]).ShouldBe(round.EncodeSeconds, 0.0005);
            ReportFile.Number(row[7]).ShouldBe(round.Sites.Max(site => site.TrainSeconds), 0.05);
            ReportFile.Number(row[8]).ShouldBe(round.MergeSeconds, 0.0005);
            Bytes(row[9]).ShouldBe(round.BytesDown, 60);
            Bytes(row[10]).ShouldBe(round.BytesUp, 60);
            before = round.GlobalLoss.Value;
        }

        IReadOnlyList<string> run = rows[^1];
        Bytes(run[9]).ShouldBe(summary.BytesDown, 6_000);
        double share = (summary.BytesDown + summary.BytesUp) / (double)(summary.Fp32BytesDown + summary.Fp32BytesUp);
        ReportFile.Number(run[11]).ShouldBe(100 * share, 0.05);
        Bytes(rows[^2][9]).ShouldBe(summary.BytesDown - summary.Rounds.Sum(round => round.BytesDown), 60);
    }

    [Fact]
    public void The_table_of_sites_says_what_the_summary_says()
    {
        RunSummary summary = new SampleRun { SitsOut = (round, site) => site == 1 && round is 1 or 6 }.Create();
        using var report = new ReportFile(summary);

        IReadOnlyList<IReadOnlyList<string>> rows = report.Table("sites-caption");

        foreach ((SiteSummary site, IReadOnlyList<string> row) in summary.Sites.Zip(rows))
        {
            SiteRoundSummary[] parts = [.. summary.Rounds.SelectMany(round => round.Sites).Where(part => part.Site == site.Name)];
            row.Count.ShouldBe(12);
            row[0].ShouldBe(site.Name);
            ReportFile.Number(row[1]).ShouldBe(parts.Length);
            ReportFile.Number(row[2]).ShouldBe(site.TrainRecords);
            ReportFile.Number(row[3]).ShouldBe(site.HeldOutRecords);
            ReportFile.Number(row[4]).ShouldBe(site.TruncatedRecords);
            ReportFile.Number(row[5]).ShouldBe(parts[0].ReceivedLoss!.Value, 0.0005);
            ReportFile.Number(row[6]).ShouldBe(parts[^1].ReceivedLoss!.Value, 0.0005);
            ReportFile.Number(row[7]).ShouldBe(parts[^1].LocalLoss!.Value, 0.0005);
            ReportFile.Number(row[8]).ShouldBe(parts[0].TrainLoss!.Value, 0.0005);
            ReportFile.Number(row[9]).ShouldBe(parts[^1].TrainLoss!.Value, 0.0005);
            Bytes(row[10]).ShouldBe(parts.Sum(part => part.BytesDown), 60);
            Bytes(row[11]).ShouldBe(parts.Sum(part => part.BytesUp), 60);
        }
    }

    [Fact]
    public void The_head_says_what_was_run_and_what_came_of_it()
    {
        using var report = new ReportFile(new SampleRun().Create());

        string text = ReportFile.Text(report.Markup);

        foreach (string expected in (string[])[
            "three-sites-nf4", "stories260K", "260,032 parameters in 48 tensors, 1015.8 KiB in fp32", "dolly, gsm8k, self-instruct",
            "nf4 to sites, nf4 to server", "delta", "file", "fedavg, 6 rounds", "20251116", "14 March 2026, 09:26 +01:00", "0.1.0",
            "3.900 → 2.826", "−1.074 (−27.5 %)", "Round 6", "14.9 % of fp32", "5.79 MiB sent, 33.12 MiB saved", "204.9 MiB",
            "./tributary generate --model /home/ada/runs/three-sites-nf4/model --prompt \"...\""])
        {
            text.ShouldContain(expected);
        }
    }

    [Theory]
    [InlineData(0.0, "0.000 s")]
    [InlineData(0.0314, "0.031 s")]
    [InlineData(9.876, "9.88 s")]
    [InlineData(59.94, "59.9 s")]
    [InlineData(59.96, "1 min 00 s")]
    [InlineData(119.7, "2 min 00 s")]
    [InlineData(3599.6, "1 h 00 min")]
    [InlineData(90_061.0, "25 h 01 min")]
    public void Times_are_in_the_unit_one_would_say_them_in(double seconds, string expected)
    {
        using var report = new ReportFile(new SampleRun().Create() with { Seconds = seconds });

        report.Table("rounds-caption")[^1][5].ShouldBe(expected);
    }

    [Fact]
    public void A_path_with_spaces_and_quotes_can_be_pasted_into_a_shell()
    {
        using var report = new ReportFile(new SampleRun { Folder = "/home/ada/it's here" }.Create());

        ReportFile.Text(report.Markup).ShouldContain(@"--model '/home/ada/it'\''s here/model' --prompt");
    }

    [Fact]
    public void A_run_of_adapters_says_how_to_make_a_model_of_them()
    {
        RunSummary run = new SampleRun().Create() with { Base = new BaseSummary("/models/stories260K", "sha256:00", 260_032) };
        using var report = new ReportFile(run);
        string text = ReportFile.Text(report.Markup);
        text.ShouldContain("beside 260,032 that stay as they are");
        text.ShouldContain("./tributary model merge --base /models/stories260K --adapter /home/ada/runs/three-sites-nf4/model --out /home/ada/runs/three-sites-nf4/model-merged");
        text.ShouldContain("./tributary generate --model /home/ada/runs/three-sites-nf4/model-merged --prompt");
        text.ShouldContain("Both models are adapters in PEFT's layout.");
    }

    [Fact]
    public void A_name_that_looks_like_markup_or_like_the_template_is_shown_as_it_is()
    {
        RunSummary summary = new SampleRun { Job = "</script><b>{{data}}", SiteNames = ["<i>a</i>", "b&amp;c"] }.Create();
        using var report = new ReportFile(summary);

        report.Html.ShouldNotContain("</script><b>");
        report.Html.ShouldNotContain("<i>a</i>");
        ReportFile.Text(report.Markup).ShouldContain("</script><b>{{data}}");
        report.Table("sites-caption").Select(row => row[0]).ShouldBe(["<i>a</i>", "b&amp;c", "All sites"]);
    }

    [Fact]
    public void A_run_that_made_the_model_worse_and_sent_more_than_fp32_says_so()
    {
        RunSummary good = new SampleRun().Create();
        RunSummary worse = good with
        {
            FinalLoss = good.InitialLoss + 0.25,
            BestLoss = good.InitialLoss,
            BestRound = 0,
            Fp32BytesDown = good.BytesDown - 1024,
            Fp32BytesUp = good.BytesUp - 1024,
        };
        using var report = new ReportFile(worse);

        string text = ReportFile.Text(report.Markup);

        text.ShouldContain("+0.250 (+6.41 %)");
        text.ShouldContain("no round lowered the held-out loss");
        text.ShouldContain("2.00 KiB more than the values alone");
    }

    [Fact]
    public void A_site_that_never_took_part_and_a_run_without_rounds_leave_gaps_and_no_numbers()
    {
        using var idle = new ReportFile(new SampleRun { SitsOut = (_, site) => site == 2 }.Create());
        using var none = new ReportFile(new SampleRun { Rounds = 0 }.Create());

        idle.Table("sites-caption")[2].Skip(5).Take(5).ShouldAllBe(cell => cell == "–");
        none.Table("rounds-caption").Count.ShouldBe(1 + 1 + 1);
        none.Markup.ShouldNotContain("NaN");
    }

    [Fact]
    public void A_diverged_run_is_refused_and_leaves_the_earlier_report_as_it_was()
    {
        using var report = new ReportFile(new SampleRun().Create());

        Should.Throw<InvalidDataException>(() =>
            ReportWriter.Write(new SampleRun().Create() with { FinalLoss = double.NaN }, report.Path));

        File.ReadAllText(report.Path).ShouldBe(report.Html);
        Directory.GetFileSystemEntries(Path.GetDirectoryName(report.Path)!).ShouldBe([report.Path]);
    }

    [Fact]
    public void A_report_replaces_the_one_before_it_and_a_failure_leaves_nothing_half_written()
    {
        using var report = new ReportFile(new SampleRun().Create());
        string folder = Path.GetDirectoryName(report.Path)!;
        ReportWriter.Write(new SampleRun { Job = "second" }.Create(), report.Path);
        File.ReadAllText(report.Path).ShouldContain("<h1>second</h1>");

        string taken = Path.Combine(folder, "new", "taken.html");
        Directory.CreateDirectory(Path.Combine(taken, "inside"));
        Should.Throw<Exception>(() => ReportWriter.Write(new SampleRun().Create(), taken))
            .ShouldBeAssignableTo<SystemException>();

        Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ShouldBe([report.Path]);
    }

    private static double Bytes(string cell) => ReportFile.Number(cell) * cell.Split(' ')[1] switch
    {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        string unit => throw new InvalidOperationException(unit),
    };
}
