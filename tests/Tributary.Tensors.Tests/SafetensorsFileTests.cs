using System.Buffers.Binary;
using System.Text;
using Tributary.TestKit;
using Tributary.Tensors.Safetensors;

namespace Tributary.Tensors.Tests;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string, int, string> Malformed => new()
    {
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "overlap" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "gaps" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "gaps" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "belongs to no tensor" },
        { """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 8, "cut short" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "data_offsets span 8" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904,2,2],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0, "data_offsets span 0" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775808]}}""", 4, "whole number" },
        { """{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "whole number" },
        { """{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown dtype 'F33'" },
        { """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "'a' stands twice" },
        { """{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}""", 1, "data_offsets [1, 0]" },
        { """{"a":{"dtype":"U8","shape":[1]}}""", 1, "needs dtype, shape and data_offsets" },
        { """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}""", 1, "unknown key 'x'" },
        { """{"__metadata__":{"k":"1","k":"2"}}""", 0, "'k' stands twice" },
        { """{"__metadata__":{"k":1}}""", 0, "__metadata__.k" },
        { """[1]""", 0, "JSON object" },
        { """{"a":""", 0, "not valid JSON" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_malformed_file_is_refused_with_its_name_and_what_is_wrong(string header, int dataLength, string says)
    {
        string path = Write(header, dataLength);
        string message = Should.Throw<TensorFormatException>(() => SafetensorsFile.Open(path)).Message;
        message.ShouldStartWith(path);
        message.ShouldContain(says);
    }

    [Theory]
    [InlineData(1000UL, "cut short")]
    [InlineData(100_000_001UL, "more than the 100000000 allowed")]
    [InlineData(ulong.MaxValue, "more than the 100000000 allowed")]
    public void A_header_that_claims_too_much_is_refused_before_it_is_read(ulong claimed, string says)
    {
        byte[] bytes = new byte[100];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, claimed);
        File.WriteAllBytes(_folder["claims.safetensors"], bytes);
        Should.Throw<TensorFormatException>(() => SafetensorsFile.Open(_folder["claims.safetensors"])).Message.ShouldContain(says);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_too_short_for_a_length_is_refused(int length)
    {
        File.WriteAllBytes(_folder["short.safetensors"], new byte[length]);
        Should.Throw<TensorFormatException>(() => SafetensorsFile.Open(_folder["short.safetensors"])).Message.ShouldContain("too few");
    }

    [Fact]
    public void Whatever_bytes_a_header_has_it_is_read_or_refused_and_never_crashes()
    {
        var random = new Random(1);
        byte[] good = Encoding.UTF8.GetBytes("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}""");
        for (int i = 0; i < 5000; i++)
        {
            byte[] header = [.. good];
            for (int k = random.Next(1, 4); k > 0; k--)
            {
                header[random.Next(header.Length)] = (byte)random.Next(256);
            }

            try
            {
                SafetensorsHeader.Parse(new byte[8].Concat(header).ToArray(), 8 + header.Length + 8, "mutant").Tensors.Count.ShouldBeLessThanOrEqualTo(2);
            }
            catch (TensorFormatException e)
            {
                e.Message.ShouldStartWith("mutant: ");
            }
        }
    }

    [Fact]
    public void What_is_written_is_read_back_tile_by_tile_and_strip_by_strip()
    {
        var source = new MemorySource(
            MemorySource.Gaussian("half", DType.F16, [3, 5], 1),
            MemorySource.Gaussian("large", DType.F32, [2, Tile.ElementsMax / 2, 1], 2),
            MemorySource.Gaussian("larger", DType.F32, [Tile.ElementsMax + 4097], 3),
            MemorySource.Gaussian("scalar", DType.BF16, [], 4),
            MemorySource.Gaussian("empty", DType.F32, [0, 7], 5));
        new SafetensorsWriter(source, new Dictionary<string, string> { ["format"] = "pt" }).WriteFile(_folder["m.safetensors"]);

        using SafetensorsFile file = SafetensorsFile.Open(_folder["m.safetensors"]);
        file.Header.Metadata["format"].ShouldBe("pt");
        file.Header.FileLength.ShouldBe(new FileInfo(file.Path).Length);
        file.Manifest.Select(entry => entry.Spec.Name).ShouldBe(["empty", "large", "larger", "half", "scalar"], ignoreOrder: true);
        foreach (TensorEntry entry in source.Manifest)
        {
            file.Manifest[file.Manifest.IndexOf(entry.Spec.Name)].Spec.ShouldBe(entry.Spec);
            file.ReadTensor(entry.Spec.Name).ShouldBe(source.ReadTensor(entry.Spec.Name));
        }

        byte[] strip = new byte[4 * 4096];
        file.Read(new Tile(file.Manifest.IndexOf("larger"), 0), 4 * 8192, strip);
        strip.ShouldBe(source.ReadTensor("larger")[(4 * 8192)..(4 * 12288)]);
        File.Exists(_folder["m.safetensors.partial"]).ShouldBeFalse();
    }

    [Fact]
    public void Every_tensor_is_aligned_to_its_type()
    {
        SafetensorsHeader header = SafetensorsHeader.Plan(
        [
            new TensorSpec("b", DType.U8, new TensorShape(3)), new TensorSpec("d", DType.F64, new TensorShape(1)),
            new TensorSpec("h", DType.F16, new TensorShape(1)), new TensorSpec("s", DType.F32, new TensorShape(5)),
        ]);
        for (int i = 0; i < header.Tensors.Count; i++)
        {
            (header.Offset(i) % header.Tensors[i].DType.Size()).ShouldBe(0);
        }
    }

    [Fact]
    public void A_write_that_fails_leaves_the_old_file_and_nothing_else()
    {
        File.WriteAllText(_folder["m.safetensors"], "old");
        var broken = new BrokenSource();
        Should.Throw<IOException>(() => new SafetensorsWriter(broken).WriteFile(_folder["m.safetensors"])).Message.ShouldBe("the disk says no");
        Directory.GetFiles(_folder.Path).ShouldBe([_folder["m.safetensors"]]);
        File.ReadAllText(_folder["m.safetensors"]).ShouldBe("old");
    }

    [Fact]
    public void A_file_cut_short_after_it_was_opened_is_an_error_that_names_it()
    {
        new SafetensorsWriter(new MemorySource(MemorySource.F32("a", [4], 1, 2, 3, 4))).WriteFile(_folder["m.safetensors"]);
        using SafetensorsFile file = SafetensorsFile.Open(_folder["m.safetensors"]);
        using (FileStream stream = File.Open(_folder["m.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength(stream.Length - 8);
        }

        Should.Throw<TensorFormatException>(() => file.Read(new Tile(0, 0), 0, new byte[16])).Message.ShouldStartWith(file.Path);
    }

    [Fact]
    public void The_real_small_llama_is_read()
    {
        string? path = Repository.Shared("models/stories260K/model.safetensors");
        Assert.SkipWhen(path is null, "models/stories260K does not lie beside the project");
        using SafetensorsFile file = SafetensorsFile.Open(path!);
        file.Manifest.Count.ShouldBe(47);
        file.Manifest.ElementCount.ShouldBe(260032);
        file.ReadFloats("model.norm.weight").ShouldAllBe(value => float.IsFinite(value));
    }

    private string Write(string header, int dataLength)
    {
        string path = _folder["malformed.safetensors"];
        byte[] json = Encoding.UTF8.GetBytes(header);
        using FileStream stream = File.Create(path);
        stream.Write(BitConverter.GetBytes((ulong)json.Length));
        stream.Write(json);
        stream.Write(new byte[dataLength]);
        return path;
    }

    private sealed class BrokenSource : TensorSource
    {
        public override TensorManifest Manifest { get; } = new([new TensorEntry(new TensorSpec("a", DType.F32, new TensorShape(1)))]);

        public override void Read(Tile tile, int offset, Span<byte> destination) => throw new IOException("the disk says no");
    }
}
