using System.Text;

namespace Tributary.Transport.Tests.Objects;

public sealed class ObjectDigestTests
{
    private static ObjectDescriptor Example()
    {
        // The worked example of docs/WIRE-FORMAT.md: 2500 bytes, byte i being i mod 251, in parts of 1024.
        byte[] bytes = [.. Enumerable.Range(0, 2500).Select(i => (byte)(i % 251))];
        var layout = new PartLayout(bytes.Length, 1024);
        return new ObjectDescriptor("example", layout, [.. bytes.Chunk(1024).Select(part => Sha256Digest.Of(part))]);
    }

    [Fact]
    public void The_digest_is_what_the_documentation_and_sha256sum_say()
    {
        ObjectDescriptor example = Example();
        example.Parts.Select(part => part.ToString()).ShouldBe([
            "2bce1ba628720664be4b9fdd77aae0678e5f0f3f02fc6ff641ec879094f6a404",
            "50df58ae70fe40f3bd0234e1aa86f95dfaba1e118d4db5fd4b682ca2b61004d5",
            "72f84a158e78943189f3aeca2c1a5c3b03cfc52887f39035c5ff0fd7d9e30e08",
        ]);
        example.Digest.ShouldBe("sha256:d2a6fbe7b1b88f21cda37775a4576bce62dedf87cac5b4d5ab8e3feb206aceb3");
        ObjectDigest.Compute(new PartLayout(0), []).ShouldBe("sha256:7bf7c16019fe1854184bd7dc84bd7ffc9a86f3d10bc1a9b4f62134875cf06a11");
        DigestField.Format(example.Parts[2]).ShouldBe("sha-256=:cvhKFY54lDGJ867KLBpcOwPPxSiH85A1xf8P19njDgg=:");
    }

    [Fact]
    public void Another_length_part_size_part_or_order_is_another_digest()
    {
        ObjectDescriptor example = Example();
        Sha256Digest[] parts = [.. example.Parts];
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
    [InlineData("sha256:d2a6fbe7b1b88f21cda37775a4576bce62dedf87cac5b4d5ab8e3feb206aceb3", true)]
    [InlineData("sha256:D2A6fbe7b1b88f21cda37775a4576bce62dedf87cac5b4d5ab8e3feb206aceb3", false)]
    [InlineData("sha256:d2a6fbe7b1b88f21cda37775a4576bce62dedf87cac5b4d5ab8e3feb206aceb", false)]
    [InlineData("d2a6fbe7b1b88f21cda37775a4576bce62dedf87cac5b4d5ab8e3feb206aceb3", false)]
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
    [InlineData("2bce1ba628", "xbce1ba628", "64 hexadecimal digits")]
    [InlineData("2bce1ba628", "2bce1ba629", "follows as sha256:")]
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
