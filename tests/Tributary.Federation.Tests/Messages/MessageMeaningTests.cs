using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Messages;

namespace Tributary.Federation.Tests.Messages;

public sealed class MessageMeaningTests
{
    private const string First = "sha256:1111";
    private const string Second = "sha256:2222";

    [Fact]
    public void A_message_of_weights_makes_the_model_of_its_own_digest() =>
        new MessageMeaning(MessageKind.Weights, null, "nf4").ModelDigest(First).ShouldBe(First);

    [Fact]
    public void A_change_makes_a_model_whose_digest_chains_its_bases_and_its_own()
    {
        string expected = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes("sha256:1111\nsha256:2222")));
        new MessageMeaning(MessageKind.Delta, First, "nf4").ModelDigest(Second).ShouldBe(expected);
    }

    [Fact]
    public void The_same_change_of_another_base_is_another_model()
    {
        var meaning = new MessageMeaning(MessageKind.Delta, First, "nf4");
        meaning.ModelDigest(Second).ShouldNotBe((meaning with { Base = Second }).ModelDigest(Second));
        new MessageMeaning(MessageKind.Delta, Second, "nf4").ModelDigest(First).ShouldNotBe(meaning.ModelDigest(Second));
    }

    [Fact]
    public void A_change_against_the_held_model_is_taken() =>
        Should.NotThrow(() => new MessageMeaning(MessageKind.Delta, First, "nf4").RequireBase(First));

    [Fact]
    public void Weights_need_no_held_model()
    {
        var weights = new MessageMeaning(MessageKind.Weights, null, "nf4");
        Should.NotThrow(() => weights.RequireBase(null));
        Should.NotThrow(() => weights.RequireBase(First));
    }

    [Fact]
    public void A_change_against_another_model_is_refused_with_both()
    {
        var meaning = new MessageMeaning(MessageKind.Delta, First, "nf4");
        Should.Throw<MessageRefusedException>(() => meaning.RequireBase(Second)).Message
            .ShouldBe("the message is a change against model sha256:1111, but model sha256:2222 is held here; it was not applied");
        Should.Throw<MessageRefusedException>(() => meaning.RequireBase(null)).Message
            .ShouldBe("the message is a change against model sha256:1111, but no model is held here; it was not applied");
    }
}
