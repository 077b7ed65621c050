using Microsoft.Extensions.Primitives;

namespace Tributary.Transport.Tests.Objects;

public sealed class DigestFieldTests
{
    private static readonly PartChecksum Digest = PartChecksum.Of("hello"u8);

    private static readonly string Member = DigestField.Format(Digest);

    [Fact]
    public void The_field_is_found_among_other_algorithms_parameters_and_lines()
    {
        PartChecksum other = PartChecksum.Of("other"u8);
        StringValues[] fields =
        [
            Member,
            $"sha-512=:AAAA:, {Member}",
            $"{Member};q=1,unixsum=30637",
            new StringValues(["unixsum=30637", Member]),
            $"{DigestField.Format(other)}, {Member}",
        ];
        foreach (StringValues field in fields)
        {
            DigestField.TryParse(field, out PartChecksum found).ShouldBeTrue();
            found.ShouldBe(Digest);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("crc64nvme")]
    [InlineData("crc64nvme=")]
    [InlineData("crc64nvme=::")]
    [InlineData("crc64nvme=:AAAA:")]
    [InlineData("crc64nvme=M3eFcAZSQlc=")]
    [InlineData("CRC64NVME=:M3eFcAZSQlc=:")]
    [InlineData("sha-512=:M3eFcAZSQlc=:")]
    [InlineData("crc64nvme=:M3eFcAZSQlc=AAAA:")]
    public void A_field_without_a_usable_digest_is_not_taken_for_one(string field) =>
        DigestField.TryParse(field, out _).ShouldBeFalse();
}
