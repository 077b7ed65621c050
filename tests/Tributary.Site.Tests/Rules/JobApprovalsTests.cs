using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Site.Rules;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Rules;

/// <summary>What a person at a clinic approved, and nothing else, is trained; no answer is lost or taken for another's.</summary>
public sealed class JobApprovalsTests : IDisposable
{
    private static readonly Party Alice = new(PartyRole.Admin, "alice");
    private static readonly DateTimeOffset Now = new(2025, 1, 1, 8, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();

    private JobApprovals Approvals => new(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_job_is_asked_for_once_and_its_answer_is_there_for_every_program_that_looks()
    {
        SignedJobDocument signed = Signed("demo");
        string digest = JobStatement.DigestOf(signed.Statement);
        Approvals.Ask(signed, Alice, Now).ShouldBeTrue();
        Approvals.Ask(signed, Alice, Now.AddDays(1)).ShouldBeFalse();
        JobApproval asked = Approvals.List().ShouldHaveSingleItem();
        (asked.Digest, asked.Submitter, asked.Asked, asked.Answer).ShouldBe((digest, "admin/alice", Now, null));
        asked.Statement.Job.Rounds.ShouldBe(3);

        var answer = new ApprovalAnswer(IsApproved: false, "no consent", "carla", Now);
        Approvals.Answer(asked, answer);
        Approvals.AnswerTo(digest).ShouldBe(answer);
        Approvals.List().ShouldHaveSingleItem().Answer.ShouldBe(answer);
        Approvals.AnswerTo(JobStatement.DigestOf(Signed("other").Statement)).ShouldBeNull();
    }

    [Fact]
    public void A_job_is_found_by_enough_of_its_digest_and_not_by_less()
    {
        Approvals.Ask(Signed("demo"), Alice, Now);
        string digest = Approvals.List()[0].Digest;
        Approvals.Find(digest).Digest.ShouldBe(digest);
        Approvals.Find(digest["sha256:".Length..][..12]).Digest.ShouldBe(digest);
        Should.Throw<ProvisioningException>(() => Approvals.Find(digest[..18])).Message.ShouldContain("too short");
        Should.Throw<ProvisioningException>(() => Approvals.Find("000000000000")).Message.ShouldContain("no job with the digest 000000000000");
    }

    [Fact]
    public void A_file_whose_job_was_changed_after_it_came_is_not_shown_as_what_came()
    {
        Approvals.Ask(Signed("demo"), Alice, Now);
        string path = Directory.GetFiles(_folder.Path, "*.job.json", SearchOption.AllDirectories).Single();
        File.WriteAllText(path, File.ReadAllText(path).Replace("demo", "dema", StringComparison.Ordinal));
        Should.Throw<IOException>(() => Approvals.List()).Message.ShouldContain("is not the file of the job in it");
    }

    [Fact]
    public void An_answer_that_cannot_be_read_is_no_yes()
    {
        SignedJobDocument signed = Signed("demo");
        Approvals.Ask(signed, Alice, Now);
        Approvals.Answer(Approvals.List()[0], new ApprovalAnswer(true, null, "carla", Now));
        string path = Directory.GetFiles(_folder.Path, "*.answer.json", SearchOption.AllDirectories).Single();
        File.WriteAllText(path, "yes");
        Should.Throw<IOException>(() => Approvals.AnswerTo(JobStatement.DigestOf(signed.Statement))).Message.ShouldContain(path);
    }

    private static SignedJobDocument Signed(string name)
    {
        var job = new Job { Name = name, Sites = ["a"], Rounds = 3 };
        return new SignedJobDocument(new JobStatement(job, new InitialModel("sha256:0", 4, "model", 1), Now).ToText(), "signature", "certificate");
    }
}
