using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Messages;

public sealed class MessageFileTests
{
    private const string Row = """{"codec":"nf4","block":64,"tile":1048576,"dtype":"F32","shape":[3,3]}""";

    public static TheoryData<string> All => [.. Precision.All.Select(codec => codec.Name)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(All))]
    public void A_message_read_back_is_what_was_written_type_by_type(string precision)
    {
        using var folder = new TempFolder();
        byte[] counts = MemoryMarshal.AsBytes<long>(new long[] { 1, -2, long.MaxValue }).ToArray();
        using var model = new MemorySource(
            MemorySource.Gaussian("half", DType.F16, [70, 70], 1),
            (new TensorSpec("steps", DType.I64, new TensorShape(3)), counts),
            MemorySource.Gaussian("single", DType.F32, [Tile.ElementsMax + 4099], 2),
            MemorySource.Gaussian("brain", DType.BF16, [4097], 3),
            (new TensorSpec("mask", DType.Bool, new TensorShape(5)), [1, 0, 1, 1, 0]),
            MemorySource.F32("none", [0, 4]),
            MemorySource.F32("scalar", [], 0.75f));
        using var encoded = new QuantizedSource(model, Precision.Parse(precision));
        SafetensorsWriter plan = MessageFile.Plan(encoded);
        plan.WriteFile(folder["message"], Cancel);
        new FileInfo(folder["message"]).Length.ShouldBe(plan.Header.FileLength);

        using MessageFile message = MessageFile.Open(folder["message"]);
        message.Manifest.OrderBy(entry => entry.Spec.Name).ShouldBe(encoded.Manifest.OrderBy(entry => entry.Spec.Name));
        using var received = new DequantizedSource(message);
        using var expected = new DequantizedSource(encoded);
        foreach (string name in model.Manifest.Select(entry => entry.Spec.Name))
        {
            message.ReadTensor(name).AsSpan().SequenceEqual(encoded.ReadTensor(name)).ShouldBeTrue(name);
            received.ReadTensor(name).AsSpan().SequenceEqual(expected.ReadTensor(name)).ShouldBeTrue(name);
        }
    }

    [Fact]
    public void A_plain_checkpoint_is_a_message_of_dense_tensors()
    {
        using var folder = new TempFolder();
        using var model = new MemorySource(MemorySource.Gaussian("w", DType.BF16, [10, 3], 1), MemorySource.F32("b", [2], 1, 2));
        new SafetensorsWriter(model, new Dictionary<string, string> { ["format"] = "pt" }).WriteFile(folder["model.safetensors"], Cancel);
        using MessageFile message = MessageFile.Open(folder["model.safetensors"]);
        message.Manifest.IsDense.ShouldBeTrue();
        using var received = new DequantizedSource(message);
        received.ReadTensor("w").ShouldBe(model.ReadTensor("w"));
        received.ReadTensor("b").ShouldBe(model.ReadTensor("b"));
    }

    [Theory]
    [InlineData("nf4", 64, "U8", "[9]", 9, "0000803F F07C4AE280")]
    [InlineData("fp4", 64, "U8", "[9]", 9, "0000803F 3B05F7")]
    [InlineData("int8", 4096, "U8", "[13]", 13, "0000803F FF007F")]
    [InlineData("int4", 64, "U8", "[7]", 7, "123E 7904E25C10")]
    [InlineData("int2", 64, "U8", "[5]", 5, "983E CA6C80")]
    [InlineData("int1", 128, "U8", "[4]", 4, "FA3E 4900")]
    [InlineData("topk", 4096, "U8", "[14]", 14, "803F803F 000000000000 8000 0000")]
    [InlineData("fp16", 1, "F16", "[3,3]", 18, "003C 00BC 0000 0038 00B4 0034 9A39 CDB8 662E")]
    [InlineData("bf16", 1, "BF16", "[3,3]", 18, "803F 80BF 0000 003F 80BE 803E 333F 1ABF CD3D")]
    public void The_bytes_on_the_wire_are_those_of_version_one(string precision, int block, string dtype, string shape, int length, string expected)
    {
        using var model = new MemorySource(
            MemorySource.F32("w", [3, 3], 1, -1, 0, 0.5f, -0.25f, 0.25f, 0.7f, -0.6f, 0.1f),
            (new TensorSpec("n", DType.I32, new TensorShape(2)), [1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF]));
        using var encoded = new QuantizedSource(model, Precision.Parse(precision));
        using var stream = new MemoryStream();
        MessageFile.Plan(encoded).WriteTo(stream.Write, Cancel);

        string header = """{"__metadata__":{"tributary.tensor:w":"{\"codec\":\"PRECISION\",\"block\":BLOCK,\"tile\":1048576,\"dtype\":\"F32\",\"shape\":[3,3]}"},"""
            + """ "n":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"DTYPE","shape":SHAPE,"data_offsets":[8,END]}}""".TrimStart();
        header = header.Replace("PRECISION", precision).Replace("BLOCK", $"{block}").Replace("DTYPE", dtype).Replace("SHAPE", shape).Replace("END", $"{8 + length}");
        header = header.PadRight((header.Length + 7) / 8 * 8);
        byte[] bytes = stream.ToArray();
        BinaryPrimitives.ReadInt64LittleEndian(bytes).ShouldBe(header.Length);
        Encoding.UTF8.GetString(bytes, 8, header.Length).ShouldBe(header);
        byte[] data = bytes[(8 + header.Length)..];
        data.Length.ShouldBe(8 + length);
        data[..8].ShouldBe([1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF]);
        Convert.ToHexString(data[8..]).ShouldStartWith(expected.Replace(" ", string.Empty));
    }

    [Theory]
    [InlineData("\"nf4\"", "\"nf5\"", "has the unknown codec 'nf5'; it may come from a newer version")]
    [InlineData("64", "128", "has blocks of 128 and tiles of 1048576 elements; nf4 has 64 and 1048576")]
    [InlineData("1048576", "4096", "has blocks of 64 and tiles of 4096 elements; nf4 has 64 and 1048576")]
    [InlineData("\"F32\"", "\"F31\"", "stands for F31, which nf4 does not encode")]
    [InlineData("\"F32\"", "\"I64\"", "stands for I64, which nf4 does not encode")]
    [InlineData("\"nf4\",\"block\":64", "\"fp16\",\"block\":1", "is stored as U8[9], but fp16 of F32[3, 3] takes F16[3, 3]")]
    [InlineData("[3,3]", "[3,33]", "is stored as U8[9], but nf4 of F32[3, 33] takes U8[58]")]
    [InlineData("[3,3]", "[-3,-3]", "shape [-3, -3] has a negative dimension")]
    [InlineData("[3,3]", "[9223372036854775807]", "")]
    [InlineData("[3,3]", "[4611686018427387904]", "")]
    [InlineData("[3,3]", "null", "has a metadata row that cannot be read")]
    [InlineData("\"codec\":\"nf4\",", "", "has a metadata row that cannot be read")]
    [InlineData("\"nf4\"", "null", "has a metadata row that cannot be read")]
    [InlineData(Row, "", "has a metadata row that cannot be read")]
    [InlineData(Row, "null", "has a metadata row that cannot be read")]
    [InlineData(Row, "[]", "has a metadata row that cannot be read")]
    [InlineData(Row, "{garbage", "has a metadata row that cannot be read")]
    public void A_row_that_does_not_fit_is_refused_with_file_and_tensor(string what, string with, string expected)
    {
        using var folder = new TempFolder();
        string path = folder["message.safetensors"];
        WriteBytes(path, "w", Row.Replace(what, with));
        string message = Should.Throw<TensorFormatException>(() => MessageFile.Open(path)).Message;
        message.ShouldStartWith($"{path}: tensor 'w' {expected}");
        // The file is closed again: it can be replaced.
        File.Delete(path);
    }

    [Fact]
    public void A_row_without_its_tensor_is_refused_with_the_files_name()
    {
        using var folder = new TempFolder();
        string path = folder["message.safetensors"];
        WriteBytes(path, "v", Row);
        Should.Throw<TensorFormatException>(() => MessageFile.Open(path)).Message.ShouldBe($"{path}: the metadata describes a tensor that is not in the file");
    }

    [Fact]
    public void A_message_cut_short_is_refused_with_the_files_name()
    {
        using var folder = new TempFolder();
        string path = folder["message.safetensors"];
        WriteBytes(path, "w", Row);
        using (FileStream stream = File.OpenWrite(path))
        {
            stream.SetLength(stream.Length - 1);
        }

        Should.Throw<TensorFormatException>(() => MessageFile.Open(path)).Message.ShouldStartWith($"{path}: ");
    }

    /// <summary>A file whose tensor is nine bytes, as nf4 of a 3 x 3 matrix has, with a row of metadata for w.</summary>
    private static void WriteBytes(string path, string tensor, string row)
    {
        using var source = new MemorySource((new TensorSpec(tensor, DType.U8, new TensorShape(9)), new byte[9]));
        new SafetensorsWriter(source, new Dictionary<string, string> { ["tributary.tensor:w"] = row }).WriteFile(path, Cancel);
    }
}
