using System.Text.Json;
using Tributary.Simulation.Reports;

namespace Tributary.Simulation.Tests.Reports;

public sealed class RunSummaryJsonTests
{
    [Fact]
    public void What_was_printed_reads_back_as_the_same_run()
    {
        RunSummary summary = new SampleRun { Job = "</script> & ünïcode", SitsOut = (round, site) => round == 2 && site == 1 }.Create();

        RunSummary read = RunSummaryJson.Read(RunSummaryJson.Write(summary));

        // Records compare their lists by reference: the lists one by one, then the rest with the lists put in.
        read.Sites.ShouldBe(summary.Sites);
        read.Rounds.Count.ShouldBe(summary.Rounds.Count);
        foreach ((RoundSummary actual, RoundSummary expected) in read.Rounds.Zip(summary.Rounds))
        {
            actual.Sites.ShouldBe(expected.Sites);
            actual.LeftOut.ShouldBe(expected.LeftOut);
            actual.ChosenDown.ShouldBe(expected.ChosenDown);
            actual.ChosenUp.ShouldBe(expected.ChosenUp);
            (actual with { Sites = expected.Sites, LeftOut = expected.LeftOut, ChosenDown = expected.ChosenDown, ChosenUp = expected.ChosenUp }).ShouldBe(expected);
        }

        read.CrossSite.ShouldBe(summary.CrossSite);
        (read with { Sites = summary.Sites, Rounds = summary.Rounds, CrossSite = summary.CrossSite }).ShouldBe(summary);
    }

    [Fact]
    public void Scripts_that_read_the_document_find_camelCase_members_and_plain_numbers()
    {
        RunSummary summary = new SampleRun().Create();

        string json = RunSummaryJson.Write(summary);

        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        root.GetProperty("taskPrecision").GetString().ShouldBe("nf4");
        root.GetProperty("bytesDown").GetInt64().ShouldBe(summary.BytesDown);
        root.GetProperty("started").GetDateTimeOffset().ShouldBe(summary.Started);
        root.GetProperty("model").GetProperty("fp32Bytes").GetInt64().ShouldBe(summary.Model.Fp32Bytes);
        root.GetProperty("rounds")[5].GetProperty("sites")[2].GetProperty("localLoss").GetDouble()
            .ShouldBe(summary.Rounds[5].Sites[2].LocalLoss!.Value);
        json.ShouldContain("\n  \"job\": \"three-sites-nf4\",\n");
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_loss_that_is_no_number_is_refused_with_its_round_and_site(double loss)
    {
        RunSummary good = new SampleRun().Create();
        RoundSummary round = good.Rounds[1];
        RunSummary bad = good with
        {
            Rounds = [good.Rounds[0], round with { Sites = [round.Sites[0], round.Sites[1] with { LocalLoss = loss }] }],
        };

        var error = Should.Throw<InvalidDataException>(() => RunSummaryJson.Write(bad));

        error.Message.ShouldContain($"job 'three-sites-nf4', round 2, site 'gsm8k' has localLoss = {loss}");
        error.Message.ShouldContain("lower the learning rate");
    }

    [Fact]
    public void Every_figure_of_the_run_is_checked_and_not_only_those_of_the_sites()
    {
        RunSummary good = new SampleRun().Create();
        RoundSummary round = good.Rounds[0];
        (string Member, RunSummary Run)[] cases =
        [
            ("initialLoss", good with { InitialLoss = double.NaN }),
            ("finalLoss", good with { FinalLoss = double.NaN }),
            ("bestLoss", good with { BestLoss = double.NaN }),
            ("seconds", good with { Seconds = double.NaN }),
            ("globalLoss", good with { Rounds = [round with { GlobalLoss = double.NaN }] }),
            ("mergeSeconds", good with { Rounds = [round with { MergeSeconds = double.NaN }] }),
            ("trainLoss", good with { Rounds = [round with { Sites = [round.Sites[0] with { TrainLoss = double.NaN }] }] }),
            ("uploadSeconds", good with { Rounds = [round with { Sites = [round.Sites[0] with { UploadSeconds = double.NaN }] }] }),
        ];
        foreach ((string member, RunSummary run) in cases)
        {
            Should.Throw<InvalidDataException>(() => RunSummaryJson.Write(run)).Message.ShouldContain($"has {member} = NaN");
        }
    }

    [Fact]
    public void A_site_that_the_run_does_not_list_is_refused_instead_of_left_out_of_the_charts()
    {
        RunSummary good = new SampleRun().Create();

        var error = Should.Throw<InvalidDataException>(() => RunSummaryJson.Write(good with { Sites = [.. good.Sites.Take(2)] }));

        error.Message.ShouldContain("round 1 has a part of site 'self-instruct'");
    }

    [Theory]
    [InlineData("", "tokens")]
    [InlineData("null", "null")]
    [InlineData("{}", "job")]
    public void A_document_that_is_no_summary_is_refused_with_what_is_wrong_with_it(string json, string reason) =>
        Should.Throw<InvalidDataException>(() => RunSummaryJson.Read(json)).Message.ShouldContain(reason);
}
