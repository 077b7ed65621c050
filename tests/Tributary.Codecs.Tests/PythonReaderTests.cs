using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Tributary.Codecs.Levels;
using Tributary.Codecs.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

/// <summary>
/// python/read_message.py, which is written from docs/WIRE-FORMAT.md alone: where it reads other values than we wrote, the document or
/// the code is wrong, and clients in other languages would be, too.
/// </summary>
public sealed partial class PythonReaderTests : IDisposable
{
    private const string Python = "/usr/bin/python3";

    private static readonly string Script = Path.Combine(Repository.Root, "python/read_message.py");

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Precisions => [.. Precision.All.Select(codec => codec.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Precisions))]
    public async Task A_message_of_every_precision_is_read_bit_for_bit(string precision)
    {
        await RequireNumpy();
        string message = WriteMessage(precision);
        (int exit, string output) = await Run(Script, message, "--out", _folder["plain.safetensors"]);
        exit.ShouldBe(0, output);

        using MessageFile written = MessageFile.Open(message);
        using var expected = new DequantizedSource(written);
        using SafetensorsFile read = SafetensorsFile.Open(_folder["plain.safetensors"]);
        read.Manifest.Select(entry => entry.Spec).ShouldBe(expected.Manifest.Select(entry => entry.Spec), ignoreOrder: true);
        foreach (TensorEntry entry in expected.Manifest)
        {
            read.ReadTensor(entry.Spec.Name).AsSpan().SequenceEqual(expected.ReadTensor(entry.Spec.Name)).ShouldBeTrue(entry.Spec.ToString());
        }
    }

    [Fact]
    public async Task A_script_that_imports_the_reader_gets_arrays_of_the_right_shapes_and_values()
    {
        await RequireNumpy();
        string message = WriteMessage("nf4");
        using MessageFile written = MessageFile.Open(message);
        using var expected = new DequantizedSource(written);
        File.WriteAllBytes(_folder["expected.f32"], [.. expected.ReadFloats("bf16").SelectMany(BitConverter.GetBytes)]);
        string check = $"""
            import sys
            sys.path.insert(0, {Quoted(Path.GetDirectoryName(Script)!)})
            import numpy as np, read_message
            arrays = read_message.read_message({Quoted(message)})
            assert arrays["wide"].shape == (1049, 1000) and arrays["wide"].dtype == np.float32, arrays["wide"]
            assert arrays["scalar"].shape == () and arrays["none"].shape == (0, 5)
            assert arrays["steps"].tolist() == [1, -2, 3]
            assert (arrays["bf16"].reshape(-1) == np.fromfile({Quoted(_folder["expected.f32"])}, "<f4")).all()
            wide = next(tensor for tensor in read_message.read_header({Quoted(message)}) if tensor.name == "wide")
            assert [first for first, _ in read_message.tiles({Quoted(message)}, wide)] == [0, 1 << 20]
            """;
        (int exit, string output) = await Run("-B", "-c", check);
        exit.ShouldBe(0, output);
    }

    [Fact]
    public async Task Tensors_are_listed_with_what_they_stand_for()
    {
        await RequireNumpy();
        (int exit, string output) = await Run(Script, WriteMessage("int8"));
        exit.ShouldBe(0, output);
        output.ShouldContain("wide  F32 [1049, 1000]  int8  1050028 bytes\n");
        output.ShouldContain("steps  I64 [3]  dense  24 bytes\n");
    }

    [Fact]
    public async Task The_digest_of_the_documents_worked_example_is_what_the_document_says()
    {
        await RequireNumpy();
        File.WriteAllBytes(_folder["example"], [.. Enumerable.Range(0, 2500).Select(i => (byte)(i % 251))]);
        File.WriteAllBytes(_folder["empty"], []);
        string document = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/WIRE-FORMAT.md"), TestContext.Current.CancellationToken);
        foreach ((string file, string partBytes) in new[] { ("example", "1024"), ("empty", "8388608") })
        {
            (int exit, string output) = await Run(Script, _folder[file], "--digest", partBytes);
            exit.ShouldBe(0, output);
            output.ShouldStartWith("sha256:");
            document.ShouldContain(output.Trim());
        }
    }

    [Theory]
    [InlineData("cut short", "the tensors end at byte")]
    [InlineData("cut in the header", "cut short, or no safetensors file")]
    [InlineData("empty", "no safetensors file")]
    [InlineData("no JSON", "malformed")]
    [InlineData("a list", "malformed")]
    [InlineData("a name twice", "stands twice")]
    [InlineData("a gap", "begins at byte")]
    [InlineData("too few bytes", "cannot take 4 bytes")]
    [InlineData("a negative length", "whole numbers")]
    [InlineData("unknown type", "unknown type 'F128'")]
    [InlineData("unknown codec", "unknown codec 'nf5'")]
    [InlineData("another block", "other blocks or tiles")]
    [InlineData("another shape", "takes U8")]
    [InlineData("a type that is not encoded", "stands for I64")]
    [InlineData("a row without a tensor", "which are not in the file")]
    [InlineData("a row that is no JSON", "malformed")]
    public async Task A_malformed_file_is_refused_with_its_name_and_what_is_wrong(string fault, string says)
    {
        await RequireNumpy();
        File.WriteAllBytes(_folder["bad.safetensors"], Malformed(fault));
        (int exit, string output) = await Run(Script, _folder["bad.safetensors"]);
        exit.ShouldBe(1, output);
        output.ShouldStartWith($"read_message.py: {_folder["bad.safetensors"]}: ");
        output.ShouldContain(says);
        output.ShouldNotContain("Traceback");
    }

    /// <summary>The formula of the map is not enough to get the last bits, so the document lists the values.</summary>
    [Fact]
    public void The_levels_of_int8_in_the_document_are_those_that_are_used()
    {
        string document = File.ReadAllText(Path.Combine(Repository.Root, "docs/WIRE-FORMAT.md"));
        string[] listed = LevelList().Match(document).Groups["it"].Value.Split([',', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        listed.Select(text => float.Parse(text, CultureInfo.InvariantCulture)).ShouldBe(DynamicLevels.Table.Values[128..].ToArray());
    }

    private static byte[] Malformed(string fault)
    {
        const string Row = """{\"codec\":\"nf4\",\"block\":64,\"tile\":1048576,\"dtype\":\"F32\",\"shape\":[4]}""";
        const string Quantized = """{"__metadata__":{"tributary.tensor:w":"ROW"},"w":{"dtype":"U8","shape":[6],"data_offsets":[0,6]}}""";
        const string Plain = """{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""";
        string valid = Quantized.Replace("ROW", Row, StringComparison.Ordinal);
        return fault switch
        {
            "cut short" => SafetensorsBytes(Plain, 3),
            "cut in the header" => SafetensorsBytes(Plain, 4)[..30],
            "empty" => [],
            "no JSON" => SafetensorsBytes("{\"w\":", 4),
            "a list" => SafetensorsBytes("[1]", 4),
            "a name twice" => SafetensorsBytes(Plain[..^1] + "," + Plain[1..], 4),
            "a gap" => SafetensorsBytes(Plain.Replace("[0,4]", "[4,8]", StringComparison.Ordinal), 8),
            "too few bytes" => SafetensorsBytes(Plain.Replace("[1]", "[2]", StringComparison.Ordinal), 4),
            "a negative length" => SafetensorsBytes(Plain.Replace("[1]", "[-1]", StringComparison.Ordinal), 4),
            "unknown type" => SafetensorsBytes(Plain.Replace("F32", "F128", StringComparison.Ordinal), 4),
            "unknown codec" => SafetensorsBytes(valid.Replace("nf4", "nf5", StringComparison.Ordinal), 6),
            "another block" => SafetensorsBytes(valid.Replace(":64", ":32", StringComparison.Ordinal), 6),
            "another shape" => SafetensorsBytes(valid.Replace("[4]", "[5]", StringComparison.Ordinal), 6),
            "a type that is not encoded" => SafetensorsBytes(valid.Replace("F32", "I64", StringComparison.Ordinal), 6),
            "a row without a tensor" => SafetensorsBytes(valid.Replace("tensor:w", "tensor:v", StringComparison.Ordinal), 6),
            "a row that is no JSON" => SafetensorsBytes(Quantized, 6),
            _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, null),
        };
    }

    private static byte[] SafetensorsBytes(string header, int dataBytes) => [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[dataBytes]];

    /// <summary>Every type, several tiles, odd ends, an empty tensor and a scalar.</summary>
    private string WriteMessage(string precision)
    {
        float[] hard =
        [
            .. TestValues.HeavyTailed(8192, seed: 1), .. new float[128], .. TestValues.Gaussian(4096, seed: 3, scale: 1e-39), .. TestValues.AnyFinite(8192, seed: 4),
            .. TestValues.Gaussian(61, seed: 5),
        ];
        using var dense = new MemorySource(
            MemorySource.Gaussian("wide", DType.F32, [1049, 1000], 6, 0.02f),
            MemorySource.F32("hard", [hard.Length], hard),
            MemorySource.Gaussian("f16", DType.F16, [333, 77], 7),
            MemorySource.Gaussian("bf16", DType.BF16, [129, 65], 8),
            MemorySource.F32("none", [0, 5]),
            MemorySource.F32("scalar", [], 0.75f),
            (new TensorSpec("größe", DType.F64, new TensorShape(2)), new byte[16]),
            (new TensorSpec("steps", DType.I64, new TensorShape(3)), [.. new long[] { 1, -2, 3 }.SelectMany(BitConverter.GetBytes)]),
            (new TensorSpec("mask", DType.Bool, new TensorShape(3)), [1, 0, 1]));
        using var quantized = new QuantizedSource(dense, Precision.Parse(precision));
        MessageFile.Plan(quantized).WriteFile(_folder["message.safetensors"], TestContext.Current.CancellationToken);
        return _folder["message.safetensors"];
    }

    private static string Quoted(string path) => $"'{path.Replace("\\", "\\\\", StringComparison.Ordinal)}'";

    private static async Task RequireNumpy() => Assert.SkipUnless(Repository.IsCi || await Run("-c", "import numpy") is (0, _), "python3-numpy is not installed");

    /// <summary>What python answered and printed, on both streams.</summary>
    private static async Task<(int Exit, string Output)> Run(params string[] arguments)
    {
        if (!File.Exists(Python))
        {
            return (-1, $"there is no {Python}");
        }

        CancellationToken cancel = TestContext.Current.CancellationToken;
        using Process process = Process.Start(new ProcessStartInfo(Python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        Task<string> error = process.StandardError.ReadToEndAsync(cancel);
        string output = await process.StandardOutput.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, output + await error);
    }

    [GeneratedRegex(@"positive levels[^`]*:\n\n```\n(?<it>[^`]+)```", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LevelList();
}
