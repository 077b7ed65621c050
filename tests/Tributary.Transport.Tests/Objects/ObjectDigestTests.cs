using System.Text;

namespace Tributary.Transport.Tests.Objects;

public sealed class ObjectDigestTests
{
    private static ObjectDescriptor Example()
    {
        // The worked example of docs/WIRE-FORMAT.md: 2500 bytes, byte i being i mod 251, in parts of 1024.
        byte[] bytes = [.. Enumerable.Range(0, 2500).Select(i => (byte)(i % 251))];
        var layout = new PartLayout(bytes.Length, 1024);
        return new ObjectDescriptor("example", layout, [.. bytes.Chunk(1024).Select(part => PartChecksum.Of(part))]);
    }

    [Fact]
    public void The_digest_is_what_the_documentation_says()
    {
        ObjectDescriptor example = Example();
        example.Parts.Select(part => part.ToString()).ShouldBe([
            "fee95dc7adac063f",
            "57579f4dfb022f98",
            "dde71e61e63d4262",
        ]);
        example.Digest.ShouldBe("sha256:304446188a40c7b031f9d5dd4bc0df32ecbfc70e313f00b6553b3d5a54f28458");
        ObjectDigest.Compute(new PartLayout(0), []).ShouldBe("sha256:737c78aa52124b00ee0ef4f6867fd748f56ce9e009ef610d4207cdbbe5554aaa");
        DigestField.Format(example.Parts[2]).ShouldBe("crc64nvme=:3eceYeY9QmI=:");
    }

    [Fact]
    public void Another_length_part_size_part_or_order_is_another_digest()
    {
        ObjectDescriptor example = Example();
        PartChecksum[] parts = [.. example.Parts];
        string[] others =
        [
            ObjectDigest.Compute(new PartLayout(2499, 1024), parts),
            ObjectDigest.Compute(new PartLayout(2500, 1025), parts),
            ObjectDigest.Compute(example.Layout, [parts[1], parts[0], parts[2]]),
            ObjectDigest.Compute(example.Layout, [parts[0], parts[1], parts[1]]),
        ];
        others.Append(example.Digest).Distinct().Count().ShouldBe(5);
        Should.Throw<ArgumentException>(() => ObjectDigest.Compute(example.Layout, parts.AsSpan(1))).Message.ShouldContain("3 parts");
    }

    [Theory]
    [InlineData("sha256:304446188a40c7b031f9d5dd4bc0df32ecbfc70e313f00b6553b3d5a54f28458", true)]
    [InlineData("sha256:304446188A40c7b031f9d5dd4bc0df32ecbfc70e313f00b6553b3d5a54f28458", false)]
    [InlineData("sha256:304446188a40c7b031f9d5dd4bc0df32ecbfc70e313f00b6553b3d5a54f284b", false)]
    [InlineData("304446188a40c7b031f9d5dd4bc0df32ecbfc70e313f00b6553b3d5a54f28458", false)]
    [InlineData(null, false)]
    public void A_text_is_taken_for_a_digest_only_in_its_one_form(string? text, bool expected) =>
        ObjectDigest.IsWellFormed(text).ShouldBe(expected);

    [Fact]
    public void A_descriptor_that_was_kept_is_read_back_as_it_was()
    {
        ObjectDescriptor read = ObjectDescriptor.FromJson(Example().ToJson());
        (read.Id, read.Layout, read.Digest).ShouldBe(("example", new PartLayout(2500, 1024), Example().Digest));
        read.Parts.ShouldBe(Example().Parts);
    }

    [Theory]
    [InlineData("\"length\":2500", "\"length\":2501", "follows as sha256:")]
    [InlineData("\"length\":2500", "\"length\":-1", "cannot be -1")]
    [InlineData("\"length\":2500", "\"length\":5000", "5 parts, but 3 are listed")]
    [InlineData("\"length\":2500", "\"length\":\"2500\"", "$.length")]
    [InlineData("\"partBytes\":1024", "\"partBytes\":0", "1024 to 268435456 bytes, not 0")]
    [InlineData("\"length\":2500", "\"length\":9000000000000000", "more than 262144 parts")]
    [InlineData("fee95dc7ad", "xee95dc7ad", "16 hexadecimal digits")]
    [InlineData("fee95dc7ad", "fee95dc7ae", "follows as sha256:")]
    [InlineData("\"id\":\"example\",", "", "id")]
    [InlineData("\"id\":\"example\"", "\"id\":null", "id")]
    [InlineData("\"id\":\"example\"", "\"id\":\"\"", "id is empty")]
    [InlineData("{", "[", "not the JSON")]
    public void A_descriptor_that_contradicts_itself_is_refused_with_what_is_wrong(string part, string replacement, string says)
    {
        string json = Encoding.UTF8.GetString(Example().ToJson());
        json.ShouldContain(part);
        Should.Throw<InvalidDataException>(() => ObjectDescriptor.FromJson(Encoding.UTF8.GetBytes(json.Replace(part, replacement))))
            .Message.ShouldContain(says);
    }
}
