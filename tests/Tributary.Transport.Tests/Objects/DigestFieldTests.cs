using Microsoft.Extensions.Primitives;

namespace Tributary.Transport.Tests.Objects;

public sealed class DigestFieldTests
{
    private static readonly Sha256Digest Digest = Sha256Digest.Of("hello"u8);

    private static readonly string Member = DigestField.Format(Digest);

    [Fact]
    public void The_field_is_found_among_other_algorithms_parameters_and_lines()
    {
        Sha256Digest other = Sha256Digest.Of("other"u8);
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
            DigestField.TryParse(field, out Sha256Digest found).ShouldBeTrue();
            found.ShouldBe(Digest);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha-256")]
    [InlineData("sha-256=")]
    [InlineData("sha-256=::")]
    [InlineData("sha-256=:AAAA:")]
    [InlineData("sha-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")]
    [InlineData("SHA-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:")]
    [InlineData("sha-512=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:")]
    [InlineData("sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=AAAA:")]
    public void A_field_without_a_usable_digest_is_not_taken_for_one(string field) =>
        DigestField.TryParse(field, out _).ShouldBeFalse();
}
