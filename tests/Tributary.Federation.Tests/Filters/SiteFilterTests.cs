using Tributary.Codecs;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Filters;

/// <summary>What a site does to all that it sends: a clinic that relies on one of these relies on every tensor, kind of message and precision.</summary>
public sealed class SiteFilterTests : IDisposable
{
    private const string Control = Scaffold.ControlPrefix;

    private readonly MemorySource _received = Model(1, 1);
    private readonly MemorySource _trained = Model(2, 2);

    public static TheoryData<string, Exchange> Messages =>
        [.. Precision.All.SelectMany(codec => new[] { (codec.Name, Exchange.Delta), (codec.Name, Exchange.Weights) })];

    public void Dispose()
    {
        _received.Dispose();
        _trained.Dispose();
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void Nothing_of_the_training_of_an_excluded_tensor_leaves_in_any_precision(string precision, Exchange exchange)
    {
        using TensorSource sent = Arrived(precision, exchange, new ExcludeFilter(["model.embed*", "count"], _received, exchange));
        using TensorSource untrained = Arrived(precision, exchange, _received);
        foreach (string excluded in new[] { "model.embed_tokens", Control + "model.embed_tokens", "count" })
        {
            sent.ReadTensor(excluded).ShouldBe(untrained.ReadTensor(excluded), excluded);
        }

        using TensorSource all = Arrived(precision, exchange, _trained);
        sent.ReadTensor("norm").ShouldBe(all.ReadTensor("norm"));
        if (exchange == Exchange.Delta)
        {
            sent.ReadFloats("model.embed_tokens").ShouldAllBe(value => value == 0);
        }
    }

    [Fact]
    public void A_pattern_that_fits_no_tensor_and_patterns_that_leave_nothing_are_noticed()
    {
        ExcludeFilter.Idle(["norm", "embed"], _trained.Manifest).ShouldBe(["embed"]);
        ExcludeFilter.IsAll(["norm", "*embed*"], _trained.Manifest).ShouldBeTrue("'count' is nothing that is trained");
        ExcludeFilter.IsAll(["*embed*"], _trained.Manifest).ShouldBeFalse();
    }

    [Theory]
    [InlineData(Exchange.Delta, null)]
    [InlineData(Exchange.Delta, 0.5f)]
    [InlineData(Exchange.Weights, 0.5f)]
    public void Only_the_largest_values_of_each_run_leave_and_none_beyond_the_bound(Exchange exchange, float? bound)
    {
        using TensorSource change = new DeltaSource(_trained, _received);
        TensorSource update = exchange == Exchange.Delta ? change : _trained;
        TensorSource sent = new SparsifyFilter(0.1, bound, exchange == Exchange.Delta ? null : _received).Apply(update);
        using TensorSource left = exchange == Exchange.Delta ? sent : new DeltaSource(sent, _received);
        float[] all = change.ReadFloats("model.embed_tokens"), some = left.ReadFloats("model.embed_tokens");
        for (int run = 0; run < all.Length; run += Tile.StripAlignment)
        {
            int count = Math.Min(Tile.StripAlignment, all.Length - run);
            float least = all.AsSpan(run, count).ToArray().Select(Math.Abs).OrderDescending().ElementAt((int)Math.Round(0.1 * count) - 1);
            for (int i = run; i < run + count; i++)
            {
                float expected = Math.Abs(all[i]) < least ? 0 : Math.Clamp(all[i], -(bound ?? 1e9f), bound ?? 1e9f);
                some[i].ShouldBe(expected, 1e-5f);
            }
        }

        // A shorter run gives the same, whoever reads how much.
        byte[] whole = new byte[sent.Manifest[0].TileBytes(0)], part = new byte[4096];
        sent.Read(new Tile(0, 0), 0, whole);
        sent.Read(new Tile(0, 0), 0, part);
        part.ShouldBe(whole[..4096]);
    }

    [Theory]
    [InlineData(Exchange.Delta)]
    [InlineData(Exchange.Weights)]
    public void A_change_is_scaled_down_to_the_norm_and_keeps_its_direction(Exchange exchange)
    {
        const double Max = 20;
        using TensorSource change = new DeltaSource(_trained, _received);
        double norm = UpdateNorm.Of(change, CancellationToken.None);
        using TensorSource clipped = Filtered(exchange, Max);
        using TensorSource left = exchange == Exchange.Delta ? clipped : new DeltaSource(clipped, _received);

        // Weights in 16 bits are rounded after they were scaled.
        UpdateNorm.Of(left, CancellationToken.None).ShouldBeInRange(Max * 0.99, exchange == Exchange.Delta ? Max : Max * 1.01);
        (float[] before, float[] after) = (change.ReadFloats("norm"), left.ReadFloats("norm"));
        for (int i = 0; i < before.Length; i++)
        {
            after[i].ShouldBe((float)(before[i] * Max / norm), 0.01f);
        }

        clipped.ReadTensor("count").ShouldBe(_trained.ReadTensor("count"));
    }

    [Theory]
    [InlineData(Exchange.Delta)]
    [InlineData(Exchange.Weights)]
    public void A_change_within_the_norm_leaves_as_it_is(Exchange exchange)
    {
        using TensorSource clipped = Filtered(exchange, 1e6);
        using TensorSource update = Update(_trained, exchange);
        foreach (TensorEntry entry in update.Manifest)
        {
            clipped.ReadTensor(entry.Spec.Name).ShouldBe(update.ReadTensor(entry.Spec.Name));
        }
    }

    [Fact]
    public void An_update_that_is_not_finite_is_refused_by_name_and_not_scaled()
    {
        using var broken = new MemorySource(MemorySource.F32("w", [2], 1, float.NaN));
        using TensorSource clipped = new ClipNormFilter(1, received: null).Apply(broken);
        Should.Throw<TensorFormatException>(() => clipped.ReadTensor("w")).Message.ShouldContain("'w' has a value that is NaN");
    }

    [Fact]
    public void A_finer_message_carries_no_more_than_the_coarser_precision_kept()
    {
        using TensorSource sent = Arrived("fp32", Exchange.Delta, new CoarsenFilter(Precision.Int8));
        using TensorSource coarse = Arrived("int8", Exchange.Delta, _trained);
        foreach (TensorEntry entry in sent.Manifest)
        {
            sent.ReadTensor(entry.Spec.Name).ShouldBe(coarse.ReadTensor(entry.Spec.Name));
        }

        CoarsenFilter.IsFiner(Precision.Fp32, Precision.Int8).ShouldBeTrue();
        CoarsenFilter.IsFiner(Precision.Int8, Precision.Int8).ShouldBeFalse();
        CoarsenFilter.IsFiner(Precision.Nf4, Precision.Int8).ShouldBeFalse();
        CoarsenFilter.IsFiner(Precision.Nf4, Precision.Int2).ShouldBeTrue();
        CoarsenFilter.IsFiner(Precision.TopK, Precision.Int1).ShouldBeFalse();
    }

    [Fact]
    public void A_model_of_many_tiles_is_filtered_alike_whichever_strips_are_read()
    {
        using var received = new MemorySource(MemorySource.Gaussian("w", DType.F32, [1030, 1024], 1));
        using var trained = new MemorySource(MemorySource.Gaussian("w", DType.F32, [1030, 1024], 2));
        using TensorSource change = new DeltaSource(trained, received);
        using TensorSource sent = new CoarsenFilter(Precision.Int8).Apply(new ClipNormFilter(1, received: null).Apply(change));
        byte[] whole = sent.ReadTensor("w");
        byte[] strip = new byte[3 * Tile.StripAlignment * sizeof(float)];
        int offset = 7 * Tile.StripAlignment * sizeof(float);
        sent.Read(new Tile(0, 0), offset, strip);
        strip.ShouldBe(whole[offset..(offset + strip.Length)]);
    }

    private static MemorySource Model(int seed, byte count) => new(
        MemorySource.Gaussian("model.embed_tokens", DType.F32, [70, 64], seed),
        MemorySource.Gaussian("norm", DType.BF16, [70], seed + 10),
        (new TensorSpec("count", DType.U8, new TensorShape(2)), [count, count]),
        MemorySource.Gaussian(Control + "model.embed_tokens", DType.F32, [70, 64], seed + 20),
        MemorySource.Gaussian(Control + "norm", DType.BF16, [70], seed + 30));

    private TensorSource Update(TensorSource trained, Exchange exchange) => exchange == Exchange.Delta ? new DeltaSource(trained, _received) : trained;

    private TensorSource Filtered(Exchange exchange, double norm) =>
        new ClipNormFilter(norm, exchange == Exchange.Delta ? null : _received).Apply(Update(_trained, exchange));

    /// <summary>What the server has of a trained model, sent without a filter.</summary>
    private TensorSource Arrived(string precision, Exchange exchange, TensorSource trained) => Through(precision, Update(trained, exchange), []);

    private TensorSource Arrived(string precision, Exchange exchange, Filter filter) => Through(precision, Update(_trained, exchange), [filter]);

    private static TensorSource Through(string precision, TensorSource update, IReadOnlyList<Filter> filters)
    {
        var both = new JobPrecision(precision, precision);
        return FilterPipeline.For(FilterPoint.TaskResultIn, both).Apply(FilterPipeline.For(FilterPoint.TaskResultOut, both, filters).Apply(update));
    }
}
