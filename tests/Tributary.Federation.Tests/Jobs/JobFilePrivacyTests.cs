using Tributary.Configuration;
using Tributary.Federation.Jobs;

namespace Tributary.Federation.Tests.Jobs;

/// <summary>What a job file says of privacy and of secure sums: a slip here promises what nobody keeps.</summary>
public sealed class JobFilePrivacyTests
{
    private const string Minimal = """
        name: demo
        sites:
          a: { data: a.jsonl }
          b: { data: b.jsonl }
          c: { data: c.jsonl }
        """;

    [Fact]
    public void Records_are_hidden_by_the_trainer_and_figures_stay_at_the_sites_unless_somebody_says_otherwise()
    {
        Job job = Read("privacy: { unit: record, clip: 1, noise_multiplier: 0.9, sampling_rate: 0.05, epsilon: 8 }");
        job.Privacy.ShouldBe(new JobPrivacy { Unit = PrivacyUnit.Record, Clip = 1, NoiseMultiplier = 0.9, SamplingRate = 0.05, Epsilon = 8, Delta = 1e-5 });
        job.WithholdsFigures.ShouldBeTrue();
        (job.Aggregation.Weights, job.Aggregation.NormLimit).ShouldBe((UpdateWeights.Uniform, 10));
        job.KeepsResiduals.ShouldBeTrue();
        job.FreezesResults.ShouldBeTrue();
        Read("privacy: { unit: record, clip: 1, noise_multiplier: 0.9, sampling_rate: 0.05, figures: told }").WithholdsFigures.ShouldBeFalse();
    }

    [Fact]
    public void Sites_are_hidden_by_noise_of_their_own_or_the_servers_and_no_screen_lets_one_decide_over_another()
    {
        Job own = Read("privacy: { unit: site, clip: 0.5, noise_multiplier: 2 }");
        (own.AddsNoiseAtSites, own.KeepsResiduals, own.FreezesResults, own.Aggregation.NormLimit).ShouldBe((true, false, true, 0.0));
        Job central = Read("privacy: { unit: site, noise: server, clip: 0.5, noise_multiplier: 2 }");
        (central.AddsNoiseAtSites, central.KeepsResiduals, central.FreezesResults).ShouldBe((false, true, false));
    }

    [Fact]
    public void A_secure_sum_is_of_integers_in_16_bits_unless_somebody_says_otherwise()
    {
        Job job = Read("secure_aggregation: true");
        job.SecureAggregation.ShouldBe(new JobSecureAggregation(3));
        job.Precision.ShouldBe(new JobPrecision("nf4", JobPrecision.Integers, Ring: new JobRing(16)));
        Job said = Read("secure_aggregation: { min_cohort: 3 }\nprecision: { task: int8, ring: 8, range: 0.02 }");
        said.Precision.ShouldBe(new JobPrecision("int8", JobPrecision.Integers, Ring: new JobRing(8, 0.02)));
        Read("precision: { ring: 8 }").SecureAggregation.ShouldBeNull();
        Read("secure_aggregation: false").SecureAggregation.ShouldBeNull();
    }

    [Fact]
    public void Sites_of_a_ring_count_alike_unless_the_most_that_one_counts_for_is_agreed()
    {
        foreach (string ring in new[] { "precision: { ring: 8 }", "secure_aggregation: true" })
        {
            Read(ring).Aggregation.Weights.ShouldBe(UpdateWeights.Uniform);
            Job weighted = Read($"{ring}\naggregation: {{ weights: samples, samples_max: 5000 }}");
            (weighted.CountsSamples, weighted.Aggregation.SamplesMax).ShouldBe((true, 5000));
        }

        Read("precision: nf4").CountsSamples.ShouldBeFalse();
    }

    [Theory]
    [InlineData("secure_aggregation: true\naggregation: { weights: samples }", "'weights: samples' scales each site's change by its records over 'samples_max', so that it has to be near the most that a site has; give it, or leave 'weights' out: sites count alike")]
    [InlineData("secure_aggregation: true\nprecision: nf4", "nf4 has scales of each site's own, which cannot be added up under masks; take 'precision: { task: nf4, ring: 16 }'")]
    [InlineData("secure_aggregation: true\nprecision: int8", "int8 has scales of each site's own, which cannot be added up under masks; take 'precision: { task: int8, ring: 16 }'")]
    [InlineData("secure_aggregation: true\naggregation: median", "secure aggregation gives a sum and no single update, and 'Median' has to see each of them; take the mean, and clip at the sites")]
    [InlineData("secure_aggregation: true\nexchange: weights", "secure aggregation adds up changes, which have a range; take 'exchange: delta'")]
    [InlineData("secure_aggregation: true\nworkflow: cyclic", "secure aggregation is for the workflow fedavg, and this is 'cyclic'; take that one")]
    [InlineData("secure_aggregation: { min_cohort: 2 }", "'min_cohort' should be 3 or more: of two, each would learn the other's values")]
    [InlineData("secure_aggregation: true\nprivacy: { unit: site, noise: server, clip: 1, noise_multiplier: 1 }", "the server does not see a site's change, so it cannot clip it, and adds no noise to it; take 'noise: site'")]
    [InlineData("secure_aggregation: true\nprecision: { ring: 8 }\nprivacy: { unit: site, clip: 1, noise_multiplier: 1 }", "noise and rounding take a part of the ring, and 8 bits leave too little of it; take 16 or more")]
    [InlineData("precision: { ring: 8, result: nf4 }", "'ring' is a precision of results, and 'result' is given too; remove one of them")]
    [InlineData("precision: { task: nf4, result: nf4, range: 1 }", "'range' is the largest value of a ring's first round; say 'ring' too, or leave it out")]
    [InlineData("precision: { ring: 40 }", "'ring' is '40', but should be a whole number from 4 to 32")]
    [InlineData("privacy: { unit: record, clip: 1, noise_multiplier: 1 }", "'sampling_rate' says how probable each record is in a step, above 0 and at most 1, such as batch_size over the usual number of records")]
    [InlineData("privacy: { unit: site, clip: 1, noise_multiplier: 1 }\nexchange: weights", "a site is hidden in the sum of clipped changes; take 'exchange: delta'")]
    [InlineData("privacy: { unit: site, clip: 1, noise_multiplier: 1 }\nworkflow: scaffold", "differential privacy is counted for the workflow fedavg, and not for 'scaffold'; take that one")]
    [InlineData("privacy: { unit: site, clip: 1, noise_multiplier: 1 }\nfeedback: true", "'feedback' adds what was lost to the next change, and noise or a ring leave nothing that could be kept; leave it out")]
    [InlineData("privacy: { unit: record, clip: 1, noise_multiplier: 1, sampling_rate: 0.1 }\ntrain: { early_stop: { every: 5, patience: 2 } }", "'early_stop' chooses by held-out records, which tells of them; leave it out")]
    [InlineData("privacy: { unit: record, clip: 1, noise_multiplier: 1, sampling_rate: 0.1 }\naggregation: { reducer: mean, weights: samples }", "'weights: samples' lets a site's records say how much it counts, which privacy does not bound; leave it out, sites count alike")]
    public void What_nobody_could_keep_is_refused_with_what_to_do(string lines, string expected)
    {
        YamlFileException refused = Should.Throw<YamlFileException>(() => JobFile.Parse($"{Minimal}\n{lines}\n", "job.yaml"));
        refused.Message.ShouldContain(expected);
    }

    [Fact]
    public void A_statement_that_no_job_file_made_is_held_to_the_same()
    {
        Job job = Read("rounds: 1") with { SecureAggregation = new JobSecureAggregation() };
        job.Refuse().ShouldNotBeNull();
        (Read("rounds: 1") with { Precision = new JobPrecision("topk", "nf4"), Exchange = Exchange.Weights }).Refuse()!.ShouldContain("'precision' is topk");
        (Read("rounds: 1") with { Privacy = new JobPrivacy { Unit = PrivacyUnit.Site, Clip = 1, NoiseMultiplier = 1 } }).Refuse()!.ShouldContain("'weights: uniform'");
    }

    private static Job Read(string lines) => JobFile.Parse($"{Minimal}\n{lines}\n", "job.yaml").Job;
}
