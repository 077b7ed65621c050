using System.Text.Json;
using Tributary.Codecs.Messages;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Privacy.Filters;
using Tributary.Privacy.Noise;
using Tributary.Privacy.Rings;
using Tributary.Privacy.SecureAggregation;
using Tributary.Site.Privacy;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Privacy;

/// <summary>What a site gives of a secure sum to a server that does not keep to the protocol: where it gives too much, a single site's change is known.</summary>
public sealed class SecureSumsTests : IDisposable
{
    private static readonly Job Job = new()
    {
        Name = "sums",
        Sites = ["a", "b", "c", "d"],
        Precision = new JobPrecision("fp32", JobPrecision.Integers, Ring: new JobRing(16)),
        Aggregation = new JobAggregation(Weights: UpdateWeights.Uniform, NormLimit: 0),
        SecureAggregation = new JobSecureAggregation(),
    };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_round_that_was_unmasked_has_no_second_sum_whose_difference_would_be_one_sites_change()
    {
        Dictionary<string, SecureSums> sites = Job.Sites.ToDictionary(site => site, Open);
        Unmask(sites);
        foreach ((int step, double range) in new[] { (5, 0.1), (0, 0.2) })
        {
            Should.Throw<TaskFailedException>(() => Keys(sites["a"], 2, step, range)).Message.ShouldContain("there is no other sum");
        }

        Should.Throw<TaskFailedException>(() => Keys(sites["a"], 1, 0, 0.1)).Message.ShouldContain("for the sum of round 2");

        // Nor after it was started again.
        using SecureSums again = Open("a");
        Should.Throw<TaskFailedException>(() => Keys(again, 2, 5, 0.1)).Message.ShouldContain("Begin a job of another name");
        Keys(again, 3, 0, 0.1).ShouldContain("encryptionKey");
        foreach (SecureSums sums in sites.Values)
        {
            sums.Dispose();
        }
    }

    [Fact]
    public void Models_of_one_name_with_other_weights_are_other_models()
    {
        using SecureSums a = Open("a"), b = Open("b");
        KeyAdvertisement first = JsonSerializer.Deserialize(Keys(a, 1, 0, 0.1, seed: 1), AggregationJson.Default.KeyAdvertisement)!;
        KeyAdvertisement second = JsonSerializer.Deserialize(Keys(b, 1, 0, 0.1, seed: 2), AggregationJson.Default.KeyAdvertisement)!;
        first.ModelDigest.ShouldNotBe(second.ModelDigest);
        var server = new MaskingServer(new AggregationRound(AggregationTasks.NameOf(Job, null, 0), 1, first.ModelDigest, Job.Sites, new RingGrid(0.1, 16, 4)), static (_, _, _, _) => true);
        server.Take(first);
        Should.Throw<SecureAggregationException>(() => server.Take(second)).Message.ShouldContain("begins with the model");
    }

    [Fact]
    public void A_model_that_is_replaced_under_its_name_after_the_keys_is_not_the_one_that_is_trained()
    {
        using SecureSums a = Open("a");
        _ = Keys(a, 1, 0, 0.1, seed: 1);
        new SafetensorsWriter(new MemorySource(MemorySource.Gaussian("w", DType.F32, [500], 2))).WriteFile(_folder["model.safetensors"]);
        a.Of(Task(TaskNames.Train, 1, 2)).Model.Weights.ReadFloats("w").ShouldBe(new MemorySource(MemorySource.Gaussian("w", DType.F32, [500], 1)).ReadFloats("w"));
    }

    [Theory]
    [InlineData("""{"site":"a","seedDigest":"AAAA","shares":[null]}""")]
    [InlineData("""{"site":"a","seedDigest":"AAAA","shares":null}""")]
    public void A_list_with_nothing_in_it_is_refused_and_ends_no_job(string answer)
    {
        Exception refused = Should.Throw<Exception>(() => JsonSerializer.Deserialize(answer, AggregationJson.Default.SharedSecrets));
        (refused is SecureAggregationException or JsonException).ShouldBeTrue(refused.ToString());
    }

    /// <summary>Goes through round 2 to its end.</summary>
    private void Unmask(Dictionary<string, SecureSums> sites)
    {
        MaskingServer? server = null;
        foreach (SecureSums sums in sites.Values)
        {
            KeyAdvertisement keys = JsonSerializer.Deserialize(Keys(sums, 2, 0, 0.1), AggregationJson.Default.KeyAdvertisement)!;
            server ??= new MaskingServer(new AggregationRound(AggregationTasks.NameOf(Job, null, 0), 2, keys.ModelDigest, Job.Sites, new RingGrid(0.1, 16, 4)), static (_, _, _, _) => true);
            server.Take(keys);
        }

        string all = JsonSerializer.Serialize(server!.CloseKeys(), AggregationJson.Default.IReadOnlyListKeyAdvertisement);
        foreach (SecureSums sums in sites.Values)
        {
            server.Take(JsonSerializer.Deserialize(sums.Answer(Task(AggregationTasks.Shares, 2, 1, all)), AggregationJson.Default.SharedSecrets)!);
        }

        IReadOnlyDictionary<string, ReceivedShares> shares = server.CloseShares();
        foreach ((string site, SecureSums sums) in sites)
        {
            SecureSums.Session session = sums.Receive(Task(TaskNames.Train, 2, 2, JsonSerializer.Serialize(shares[site], AggregationJson.Default.ReceivedShares)));
            TensorSource integers = new RingFilter(session.Grid, new NoiseKey(new byte[NoiseKey.Length]), null).Apply(session.Model.Weights);
            server.Take(site, session.Site.MaskOnce(integers));
        }

        string survivors = JsonSerializer.Serialize(server.CloseInputs(), AggregationJson.Default.IReadOnlyListString);
        foreach (SecureSums sums in sites.Values)
        {
            server.Take(JsonSerializer.Deserialize(sums.Answer(Task(AggregationTasks.Survivors, 2, 3, survivors)), AggregationJson.Default.SurvivorSignature)!);
        }

        string request = JsonSerializer.Serialize(server.CloseSignatures(), AggregationJson.Default.UnmaskingRequest);
        foreach (SecureSums sums in sites.Values)
        {
            server.Take(JsonSerializer.Deserialize(sums.Answer(Task(AggregationTasks.Unmasking, 2, 4, request)), AggregationJson.Default.UnmaskingAnswer)!);
        }

        _ = server.Unmask();
    }

    private SecureSums Open(string site) => new(Path.Combine(_folder.Path, site), site, static (_, _) => [1], static (_, _, _, _) => true);

    private string Keys(SecureSums sums, int round, int step, double range, int seed = 1)
    {
        string path = _folder["model.safetensors"];
        new SafetensorsWriter(new MemorySource(MemorySource.Gaussian("w", DType.F32, [500], seed))).WriteFile(path);
        var file = MessageFile.Open(path);
        string note = JsonSerializer.Serialize(new RoundNote(range), AggregationJson.Default.RoundNote);
        return sums.Keys(Task(AggregationTasks.Keys, round, step, note), new HeldWeights("sha256:claimed", file, file, CancellationToken.None), 500, new Dictionary<string, double>());
    }

    private static TaskDocument Task(string name, int round, int step, string? note = null) =>
        new(Job, name, round, step, 1, new MessageDocument("m", 1, null, new MessageMeaning(MessageKind.Weights, null, "fp32"), []), null, Note: note);
}
