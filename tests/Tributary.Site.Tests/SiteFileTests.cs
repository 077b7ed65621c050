using System.Text.RegularExpressions;
using Tributary.Codecs;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Provisioning;
using Tributary.Site.Privacy;
using Tributary.Site.Rules;
using Tributary.TestKit;

namespace Tributary.Site.Tests;

/// <summary>What an administrator of a clinic writes into site.yaml counts, and what is misspelt there is said rather than ignored.</summary>
public sealed partial class SiteFileTests : IDisposable
{
    private const string Least = "server: https://localhost\nfolder: work\n";

    private readonly TestProject _project = new();
    private readonly Kit _kit;

    public SiteFileTests() => _kit = _project.Open("site/a");

    public void Dispose()
    {
        _kit.Dispose();
        _project.Dispose();
    }

    [Fact]
    public void A_file_of_an_older_kit_says_no_rule_and_is_as_good_as_ever()
    {
        SiteFile site = Read(Least);
        site.Options.Rules.ShouldBe(new SiteRules());
        site.Options.Filters.ShouldBe(new SiteFilters() with { Exclude = site.Options.Filters.Exclude });
        (site.Options.Transfers.Up, site.OffersBuiltin, site.Trainers.Count).ShouldBe((null, true, 0));
    }

    [Fact]
    public void Every_key_that_a_new_kit_shows_is_one_that_is_read()
    {
        string shown = CommentedKey().Replace(File.ReadAllText(_kit.ConfigurationPath), "${key}");
        SiteFile site = Read(shown);
        SiteRules rules = site.Options.Rules;
        rules.Submitters.ShouldBe([new Party(PartyRole.Admin, "alice")]);
        rules.Jobs.ShouldBe(["llama-*", "quickstart"]);
        (rules.NeedsApproval, rules.ModelBytesMax).ShouldBe((true, 16_000_000_000));
        rules.Hours!.ToString().ShouldBe("20:00 to 06:00 (Europe/Berlin)");
        site.Options.Filters.Exclude.ShouldBe(["*.embed*"]);
        (site.Options.Filters.Sparsify, site.Options.Filters.Percentile).ShouldBe((0.1, (0.1, 0.01f)));
        rules.Privacy.ShouldBe(new SiteBudget(8, 1e-5));
        (site.Options.Filters.ClipNorm, site.Options.Filters.QuantizeAtLeast).ShouldBe((1.0, Precision.Int8));
        (site.Options.Transfers.Down!.BytesPerSecond, site.Options.Transfers.Up!.BytesPerSecond).ShouldBe((10_000_000, 2_000_000));
        site.OffersBuiltin.ShouldBeFalse();
        (TrainerOffer offer, string? data) = site.Trainers.ShouldHaveSingleItem();
        (offer.Name, offer.Timeout, offer.Lifetime, data).ShouldBe(("pytorch", TimeSpan.FromMinutes(10), TrainerLifetime.Job, Path.Combine(_kit.Folder, "consented.jsonl")));
        offer.Command.ShouldBe(["python3", "train.py"]);
        offer.Options.ShouldBe(["rank"]);
        offer.Environment["CUDA_VISIBLE_DEVICES"].ShouldBe("0");
        (site.DataPath, site.ModelFolder).ShouldBe((Path.Combine(_kit.Folder, "records.jsonl"), Path.Combine(_kit.Folder, "model")));
    }

    [Fact]
    public void The_trainer_inside_may_have_data_of_its_own_too()
    {
        SiteFile site = Read(Least + "trainers: { builtin: { data: public.jsonl } }\n");
        (site.OffersBuiltin, site.BuiltinDataPath).ShouldBe((true, Path.Combine(_kit.Folder, "public.jsonl")));
    }

    [Fact]
    public void Hours_without_a_time_zone_are_those_of_the_machine() => Read(Least + "hours: 08:00-09:00\n").Options.Rules.Hours!.Zone.ShouldBe(TimeZoneInfo.Local);

    [Theory]
    [InlineData("submitters: [alice]", "3: 'alice' in 'submitters' should be an administrator, such as admin/alice")]
    [InlineData("submitters: [site/a]", "3: 'site/a' in 'submitters' should be an administrator")]
    [InlineData("jobs: all", "3: 'jobs' should be a list")]
    [InlineData("approval: maybe", "3: 'approval' is 'maybe', but should be one of none, manual")]
    [InlineData("hours: 8-9", "3: 'hours' is '8-9'")]
    [InlineData("time_zone: Nowhere/Land\nhours: 08:00-09:00", "3: 'time_zone' is 'Nowhere/Land', which this machine does not know")]
    [InlineData("model_bytes_max: 16 gigs", "3: 'model_bytes_max' is '16 gigs', but should be a number of bytes from 1 B up, such as 10 MB or 1.5 GiB")]
    [InlineData("bandwidth: { up: 2 MB }", "3: 'up' is '2 MB', but should be a number of bytes from 64 kB/s up, such as 10 MB/s")]
    [InlineData("bandwidth: { up: 1 kB/s }", "3: 'up' is '1 kB/s', but should be a number of bytes from 64 kB/s up")]
    [InlineData("bandwidth: { sideways: 1 MB/s }", "3: unknown key 'sideways'")]
    [InlineData("filters:\n  clip: 1", "4: unknown key 'clip'")]
    [InlineData("filters:\n  clip_norm: 0", "4: 'clip_norm' is '0'")]
    [InlineData("filters:\n  percentile: { above: 90 }", "4: 'clip' is missing")]
    [InlineData("filters:\n  sparsify: 0 %", "4: 'sparsify' is '0 %', but should be percent from 0.01 to 100")]
    [InlineData("privacy: { delta: 1e-5 }", "3: 'epsilon' is missing")]
    [InlineData("filters:\n  quantize_at_least: int7", "4: 'quantize_at_least' is 'int7', but should be one of fp32")]
    [InlineData("trainers: { builtin: no }", "3: 'builtin' is 'no', but should be one of on, off")]
    [InlineData("trainers:\n  mine: { options: [rank] }", "4: 'command' is missing")]
    [InlineData("trainers:\n  mine: { command: [train], optoins: [rank] }", "4: unknown key 'optoins'; did you mean 'options'?")]
    [InlineData("trainers:\n  Mine: { command: [train] }", "4: the name 'Mine' should be small letters")]
    public void What_is_wrong_is_said_with_its_line(string yaml, string says) =>
        Should.Throw<YamlFileException>(() => Read(Least + yaml + "\n")).Message.ShouldContain("site.yaml:" + says);

    private SiteFile Read(string yaml)
    {
        File.WriteAllText(_kit.ConfigurationPath, yaml);
        return SiteFile.Read(_kit, TimeProvider.System);
    }

    [GeneratedRegex(@"^# (?<key> *[a-z_]+:( .*)?)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CommentedKey();
}
