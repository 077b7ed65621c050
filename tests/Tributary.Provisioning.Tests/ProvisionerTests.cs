using System.IO.Compression;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Tributary.Configuration;
using Tributary.TestKit;

namespace Tributary.Provisioning.Tests;

public sealed class ProvisionerTests
{
    [Theory]
    [InlineData("server/server")]
    [InlineData("site/a")]
    [InlineData("site/b")]
    [InlineData("admin/alice")]
    [InlineData("viewer/bob")]
    public void Everybody_gets_a_kit_that_opens_and_says_who_they_are(string party)
    {
        using var project = new TestProject();
        using Kit kit = project.Open(party);
        kit.Party.ToString().ShouldBe(party);
        kit.Certificate.HasPrivateKey.ShouldBeTrue();
        File.Exists(kit.ConfigurationPath).ShouldBeTrue();
    }

    [Fact]
    public void The_certificates_say_no_more_than_they_should()
    {
        using var project = new TestProject();
        using Kit site = project.Open("site/a");
        using Kit server = project.Open("server/server");
        Usages(site.Certificate).ShouldBe(["1.3.6.1.5.5.7.3.2"]);
        Usages(server.Certificate).ShouldBe(["1.3.6.1.5.5.7.3.1"]);
        server.Certificate.MatchesHostname("localhost").ShouldBeTrue();
        server.Certificate.MatchesHostname("127.0.0.1").ShouldBeTrue();
        server.Certificate.MatchesHostname("example.org").ShouldBeFalse();
        site.Certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority.ShouldBeFalse();
        X509BasicConstraintsExtension authority = site.Trust.Authority.Extensions.OfType<X509BasicConstraintsExtension>().Single();
        (authority.CertificateAuthority, authority.HasPathLengthConstraint, authority.PathLengthConstraint, authority.Critical).ShouldBe((true, true, 0, true));
        string[] serials = [.. new[] { site, server }.Select(kit => kit.Certificate.SerialNumber), site.Trust.Authority.SerialNumber];
        serials.Distinct().Count().ShouldBe(3);
        serials.ShouldAllBe(serial => serial.Length == 32);
    }

    [Fact]
    public void No_kit_holds_the_authoritys_key_nor_another_partys()
    {
        using var project = new TestProject();
        string[] keys = [.. Directory.GetFiles(project.Kits, "*key.pem", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(project.Kits, path)).Order(StringComparer.Ordinal)];
        keys.ShouldBe(["admins/alice/key.pem", "ca/ca-key.pem", "server/key.pem", "sites/a/key.pem", "sites/b/key.pem", "viewers/bob/key.pem"]);
        keys.Select(path => File.ReadAllText(Path.Combine(project.Kits, path))).Distinct().Count().ShouldBe(keys.Length);
    }

    [Fact]
    public void A_zip_unpacks_to_the_same_kit()
    {
        using var project = new TestProject();
        ZipFile.ExtractToDirectory(project.Folder("site/a") + ".zip", project["handed-over"]);
        using Kit kit = Kit.Load(Path.Combine(project["handed-over"], "a"), PartyRole.Site, TimeProvider.System);
        Contents(kit.Folder).ShouldBe(Contents(project.Folder("site/a")));
    }

    [Fact]
    public void Running_it_again_adds_who_is_new_and_leaves_every_other_file_as_it_is()
    {
        using var project = new TestProject();
        File.AppendAllText(Path.Combine(project.Folder("site/a"), "site.yaml"), "# changed by the site\n");
        Dictionary<string, string> before = Contents(project.Kits);
        ProvisioningReport report = project.Provision(TestProject.Yaml.Replace("[a, b]", "[a, b, c]", StringComparison.Ordinal));
        report.Parties.Where(party => party.State != PartyState.Kept).ShouldHaveSingleItem().Party.ToString().ShouldBe("site/c");
        Dictionary<string, string> after = Contents(project.Kits);
        foreach ((string path, string content) in before)
        {
            after[path].ShouldBe(content, path);
        }

        using Kit added = project.Open("site/c");
    }

    [Fact]
    public void A_kit_that_was_handed_over_and_removed_is_not_made_again()
    {
        using var project = new TestProject();
        Directory.Delete(project.Folder("site/a"), recursive: true);
        ProvisionedParty kept = project.Provision().Parties.Single(party => party.Party.Name == "a");
        kept.State.ShouldBe(PartyState.Kept);
        kept.Folder.ShouldBeNull();
        Directory.Exists(project.Folder("site/a")).ShouldBeFalse();
    }

    [Fact]
    public void A_server_that_moves_and_certificates_that_end_soon_are_said()
    {
        var time = new ManualTime();
        using var project = new TestProject(time: time);
        time.Advance(TimeSpan.FromDays(340));
        ProvisioningReport report = project.Provision(TestProject.Yaml.Replace("127.0.0.1]", "127.0.0.1, fl.example.org]", StringComparison.Ordinal));
        report.Parties.ShouldAllBe(party => party.Advice!.Contains("ends at 2026-01-01"));
        project.Provisioner.Renew(project.File, [project.File.Server]);
        project.Provision().Parties.Single(party => party.Party == project.File.Server).Advice.ShouldBeNull();
        project.Provision(TestProject.Yaml.Replace("127.0.0.1]", "127.0.0.1, 10.0.0.1]", StringComparison.Ordinal))
            .Parties.Single(party => party.Party == project.File.Server).Advice!.ShouldContain("10.0.0.1");
    }

    [Fact]
    public void Renewing_keeps_name_and_key_and_lasts_a_full_term_again()
    {
        var time = new ManualTime();
        using var project = new TestProject(time: time);
        using Kit before = project.Open("site/a");
        time.Advance(TimeSpan.FromDays(360));
        project.Provisioner.Renew(project.File, [new Party(PartyRole.Site, "a")]);
        using Kit after = project.Open("site/a");
        after.Party.ShouldBe(before.Party);
        after.Certificate.PublicKey.ExportSubjectPublicKeyInfo().ShouldBe(before.Certificate.PublicKey.ExportSubjectPublicKeyInfo());
        after.Certificate.SerialNumber.ShouldNotBe(before.Certificate.SerialNumber);
        (after.Certificate.NotAfter - before.Certificate.NotAfter).ShouldBe(TimeSpan.FromDays(360));
        before.Trust.Require(before.Certificate).ShouldBe(before.Party, "the old one works until it ends");
        using ZipArchive zip = ZipFile.OpenRead(project.Folder("site/a") + ".zip");
        using var reader = new StreamReader(zip.GetEntry("a/" + KitFiles.Certificate)!.Open());
        reader.ReadToEnd().ShouldBe(File.ReadAllText(Path.Combine(after.Folder, KitFiles.Certificate)));
    }

    [Fact]
    public void No_certificate_outlives_its_authority()
    {
        var time = new ManualTime();
        using var project = new TestProject(TestProject.Yaml + "\nca_days: 400", time);
        time.Advance(TimeSpan.FromDays(300));
        project.Provisioner.Renew(project.File, [new Party(PartyRole.Site, "a")]);
        using Kit kit = project.Open("site/a");
        kit.Certificate.NotAfter.ShouldBe(kit.Trust.Authority.NotAfter);
        time.Advance(TimeSpan.FromDays(101));
        Should.Throw<ProvisioningException>(() => project.Provisioner.Renew(project.File, [new Party(PartyRole.Site, "a")])).Message.ShouldContain("the CA's certificate expired");
    }

    [Fact]
    public void Revoking_takes_back_every_certificate_of_a_party_and_no_other_and_reaches_all_kits()
    {
        using var project = new TestProject();
        using Kit first = project.Open("site/a");
        project.Provisioner.Renew(project.File, [first.Party]);
        using Kit second = project.Open("site/a");
        project.Provisioner.Revoke([first.Party]);
        using Kit server = project.Open("server/server");
        Should.Throw<CertificateRefusedException>(() => server.Trust.Require(first.Certificate)).Message.ShouldContain("revoked");
        Should.Throw<CertificateRefusedException>(() => server.Trust.Require(second.Certificate)).Message.ShouldContain("revoked");
        using Kit other = project.Open("site/b");
        server.Trust.Require(other.Certificate).ToString().ShouldBe("site/b");
        Should.Throw<CertificateRefusedException>(() => other.Trust.Require(first.Certificate));
        File.Exists(project.Folder("site/a") + ".zip").ShouldBeFalse("a revoked key should not be handed over");

        project.Provision().Parties.Single(party => party.Party.Name == "a").State.ShouldBe(PartyState.Created, "it is in the project file still, so it gets a new kit");
        using Kit anew = project.Open("site/a");
        server.Trust.Require(anew.Certificate).ToString().ShouldBe("site/a");
    }

    [Fact]
    public void A_running_server_hears_of_a_new_list_by_its_file_alone_and_takes_none_that_is_older_or_of_another_authority()
    {
        using var project = new TestProject();
        using var stranger = new TestProject();
        using Kit server = project.Open("server/server");
        using Kit a = project.Open("site/a");
        string list = Path.Combine(server.Folder, KitFiles.Revoked);
        string empty = File.ReadAllText(list);
        server.Trust.Refresh().ShouldBeNull();
        project.Provisioner.Revoke([a.Party]);
        server.Trust.RefuseNow(a.Certificate).ShouldBeNull();
        server.Trust.Refresh().ShouldBeNull();
        server.Trust.RefuseNow(a.Certificate)!.ShouldContain("revoked");

        foreach ((string text, string complaint) in new[]
        {
            (empty, "older"), (File.ReadAllText(Path.Combine(stranger.Folder("site/a"), KitFiles.Revoked)), "not signed by this project's CA"), ("half a fi", "no list"),
        })
        {
            File.WriteAllText(list, text);
            File.SetLastWriteTimeUtc(list, File.GetLastWriteTimeUtc(list).AddSeconds(text.Length));
            server.Trust.Refresh()!.ShouldContain(complaint);
            server.Trust.Refresh().ShouldBeNull("it is said once");
            server.Trust.RefuseNow(a.Certificate)!.ShouldContain("revoked");
        }

        File.Delete(list);
        server.Trust.Refresh()!.ShouldContain("is not there");
        server.Trust.RefuseNow(a.Certificate)!.ShouldContain("revoked");
    }

    [Fact]
    public void Two_runs_at_once_do_not_work_in_one_folder()
    {
        using var project = new TestProject();
        using var taken = new FileStream(Path.Combine(project.Kits, "ca", "in-use"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Should.Throw<IOException>(() => project.Provision()).Message.ShouldContain("in use by another provision command");
    }

    [Fact]
    public void The_file_that_init_writes_can_be_provisioned_as_it_is()
    {
        using var project = new TestProject(ProjectTemplate.Text);
        using Kit site = project.Open("site/site-1");
        using Kit admin = project.Open("admin/admin");
    }

    [Fact]
    public void Everything_wrong_in_a_project_file_is_said_at_once_with_its_line()
    {
        string message = Should.Throw<YamlFileException>(() => ProjectFile.Parse(
            """
            name: My Federation
            server:
              adresses: [fl.example.org]
            sites: [a, A, a]
            own_keys: [z]
            certificate_days: 0
            """,
            "project.yaml")).Message;
        foreach (string part in new[]
        {
            "project.yaml:1: the name 'My Federation'", "'addresses' is missing", "did you mean 'addresses'?", "the name 'A'", "names 'a' twice", "names 'z', which is not among 'sites'",
            "'certificate_days' is '0'",
        })
        {
            message.ShouldContain(part);
        }
    }

    private static string[] Usages(X509Certificate2 certificate) =>
        [.. certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages.Cast<Oid>().Select(oid => oid.Value!)];

    private static Dictionary<string, string> Contents(string folder) => Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(path => Path.GetRelativePath(folder, path), path => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))), StringComparer.Ordinal);
}
