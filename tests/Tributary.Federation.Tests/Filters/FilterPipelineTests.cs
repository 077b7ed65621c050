using Tributary.Codecs;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Filters;

public sealed class FilterPipelineTests
{
    public static TheoryData<string> All => [.. Precision.All.Select(codec => codec.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void A_model_goes_through_all_four_points_and_stays_what_its_precision_makes_of_it(string precision)
    {
        var job = new JobPrecision(precision, precision);
        using var model = new MemorySource(MemorySource.Gaussian("w", DType.F32, [130, 70], 1), MemorySource.Gaussian("b", DType.BF16, [70], 2));
        using TensorSource sent = FilterPipeline.For(FilterPoint.TaskDataOut, job).Apply(model);
        using TensorSource received = FilterPipeline.For(FilterPoint.TaskDataIn, job).Apply(sent);
        using TensorSource returned = FilterPipeline.For(FilterPoint.TaskResultOut, job).Apply(received);
        using TensorSource merged = FilterPipeline.For(FilterPoint.TaskResultIn, job).Apply(returned);
        sent.Manifest[0].IsDense.ShouldBe(precision == "fp32");
        received.Manifest.IsDense.ShouldBeTrue();
        merged.Manifest.ShouldBe(model.Manifest);
        using var quantized = new QuantizedSource(model, Precision.Parse(precision));
        using var expected = new DequantizedSource(quantized);
        received.ReadTensor("w").ShouldBe(expected.ReadTensor("w"));
        received.ReadTensor("b").ShouldBe(expected.ReadTensor("b"));
    }

    [Fact]
    public void Each_direction_has_its_own_precision()
    {
        var job = new JobPrecision("int8", "nf4");
        using var model = new MemorySource(MemorySource.Gaussian("w", DType.F32, [100], 1));
        FilterPipeline.For(FilterPoint.TaskDataOut, job).Apply(model).Manifest[0].Encoding.ShouldBeSameAs(Precision.Int8);
        FilterPipeline.For(FilterPoint.TaskResultOut, job).Apply(model).Manifest[0].Encoding.ShouldBeSameAs(Precision.Nf4);
    }

    [Fact]
    public void A_pipeline_knows_its_point() => FilterPipeline.For(FilterPoint.TaskResultIn, new JobPrecision("nf4", "nf4")).Point.ShouldBe(FilterPoint.TaskResultIn);

    [Fact]
    public void Quantizing_twice_is_refused_with_both_filters() =>
        Refusal(FilterPoint.TaskDataOut, new QuantizeFilter(Precision.Nf4), new QuantizeFilter(Precision.Int8))
            .ShouldBe("TaskDataOut: filter 'quantize to int8' takes dense tensors, but filter 'quantize to nf4' gives encoded ones");

    [Fact]
    public void Dequantizing_what_leaves_a_party_is_refused() =>
        Refusal(FilterPoint.TaskResultOut, new DequantizeFilter())
            .ShouldBe("TaskResultOut: filter 'dequantize' takes encoded tensors, but the model gives dense ones");

    [Fact]
    public void Quantizing_what_enters_a_party_is_refused() =>
        Refusal(FilterPoint.TaskDataIn, new QuantizeFilter(Precision.Fp4))
            .ShouldBe("TaskDataIn: filter 'quantize to fp4' takes dense tensors, but the message gives encoded ones");

    [Theory]
    [InlineData(FilterPoint.TaskDataOut, "TaskDataOut: the model gives dense tensors, but the wire carries encoded ones")]
    [InlineData(FilterPoint.TaskResultIn, "TaskResultIn: the message gives encoded tensors, but the model has dense ones")]
    public void A_point_without_filters_is_refused_with_what_to_do(FilterPoint point, string expected)
    {
        string message = Refusal(point);
        message.ShouldStartWith(expected);
        message.ShouldEndWith("add a filter that turns one into the other");
    }

    [Fact]
    public void A_chain_that_ends_in_the_wrong_kind_is_refused_with_its_last_filter() =>
        Refusal(FilterPoint.TaskDataOut, new QuantizeFilter(Precision.Nf4), new DequantizeFilter())
            .ShouldStartWith("TaskDataOut: filter 'dequantize' gives dense tensors, but the wire carries encoded ones");

    private static string Refusal(FilterPoint point, params Filter[] filters) =>
        Should.Throw<FilterMismatchException>(() => new FilterPipeline(point, filters)).Message;
}
