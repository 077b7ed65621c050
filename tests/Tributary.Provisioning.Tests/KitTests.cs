using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Tributary.TestKit;

namespace Tributary.Provisioning.Tests;

/// <summary>A kit that cannot work says so before anything starts, and says which file and why.</summary>
public sealed class KitTests
{
    [Theory]
    [InlineData(KitFiles.Certificate)]
    [InlineData(KitFiles.Key)]
    [InlineData(KitFiles.Authority)]
    [InlineData(KitFiles.Revoked)]
    public void A_missing_file_is_named(string name)
    {
        using var project = new TestProject();
        string path = Path.Combine(project.Folder("site/a"), name);
        File.Delete(path);
        Refusal(project).ShouldStartWith($"{path} is not there");
    }

    [Theory]
    [InlineData(KitFiles.Certificate, "no certificate")]
    [InlineData(KitFiles.Key, "no elliptic-curve key")]
    [InlineData(KitFiles.Authority, "no certificate")]
    [InlineData(KitFiles.Revoked, "no list of revoked certificates")]
    public void A_file_of_something_else_is_named(string name, string what)
    {
        using var project = new TestProject();
        string path = Path.Combine(project.Folder("site/a"), name);
        File.WriteAllText(path, "-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n");
        Refusal(project).ShouldStartWith($"{path} is {what}");
    }

    [Fact]
    public void A_key_of_another_certificate_is_said_to_be_that()
    {
        using var project = new TestProject();
        File.Copy(Path.Combine(project.Folder("site/b"), KitFiles.Key), Path.Combine(project.Folder("site/a"), KitFiles.Key), overwrite: true);
        Refusal(project).ShouldContain("key.pem does not fit certificate.pem");
    }

    [Fact]
    public void A_certificate_that_has_expired_says_when()
    {
        var time = new ManualTime();
        using var project = new TestProject(time: time);
        time.Advance(TimeSpan.FromDays(366));
        Refusal(project).ShouldContain("expired at 2026-01-01");
    }

    [Fact]
    public void A_clock_that_is_far_behind_is_pointed_at()
    {
        using var project = new TestProject();
        string reason = Should.Throw<ProvisioningException>(() => project.Open("site/a", new ManualTime())).Message;
        reason.ShouldContain("is not valid before");
        reason.ShouldContain("the clock here, 2025-01-01 00:00 UTC");
    }

    [Fact]
    public void A_clock_that_is_a_little_behind_does_no_harm()
    {
        var time = new ManualTime();
        time.Advance(TimeSpan.FromMinutes(50));
        using var project = new TestProject(time: time);
        using Kit kit = project.Open("site/a", new ManualTime());
    }

    [Fact]
    public void A_certificate_of_another_authority_is_said_to_be_that_also_where_the_authorities_have_one_name()
    {
        using var project = new TestProject();
        using var stranger = new TestProject();
        foreach (string name in new[] { KitFiles.Certificate, KitFiles.Key })
        {
            File.Copy(Path.Combine(stranger.Folder("site/a"), name), Path.Combine(project.Folder("site/a"), name), overwrite: true);
        }

        Refusal(project).ShouldContain("is of another CA than this project's");
    }

    [Fact]
    public void A_revoked_certificate_is_said_to_be_that()
    {
        using var project = new TestProject();
        project.Provisioner.Renew(project.File, [new Party(PartyRole.Site, "a")]);
        string kit = project["elsewhere"];
        Directory.CreateDirectory(kit);
        foreach (string path in Directory.GetFiles(project.Folder("site/a")))
        {
            File.Copy(path, Path.Combine(kit, Path.GetFileName(path)));
        }

        project.Provisioner.Revoke([new Party(PartyRole.Site, "a")]);
        File.Copy(Path.Combine(project.Kits, "ca", KitFiles.Revoked), Path.Combine(kit, KitFiles.Revoked), overwrite: true);
        Should.Throw<ProvisioningException>(() => Kit.Load(kit, null, TimeProvider.System)).Message.ShouldContain("has been revoked");
    }

    [Fact]
    public void The_kit_of_another_role_is_no_substitute()
    {
        using var project = new TestProject();
        Should.Throw<ProvisioningException>(() => Kit.Load(project.Folder("site/a"), PartyRole.Server, TimeProvider.System)).Message
            .ShouldContain("is the kit of site/a; one of a server is needed here");
    }

    [Theory]
    [InlineData("tributary://admin/alice", "1.3.6.1.5.5.7.3.1")]
    [InlineData("tributary://server/server", "1.3.6.1.5.5.7.3.2")]
    public void A_certificate_is_good_for_its_own_role_only(string uri, string usage)
    {
        using var authority = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var project = new TestProject();
        using X509Certificate2 signer = X509Certificate2.CreateFromPemFile(Path.Combine(project.Kits, "ca", "ca.pem"), Path.Combine(project.Kits, "ca", "ca-key.pem"));
        using X509Certificate2 odd = Issue(signer, usage, uri);
        using Kit kit = project.Open("server/server");
        Should.Throw<CertificateRefusedException>(() => kit.Trust.Require(odd)).Message.ShouldContain("cannot be used");
    }

    [Theory]
    [InlineData]
    [InlineData("tributary://site/a", "tributary://site/b")]
    [InlineData("tributary://site/A")]
    [InlineData("tributary://root/a")]
    [InlineData("tributary://site/a/b")]
    [InlineData("tributary://site/")]
    [InlineData("https://site/a")]
    public void A_certificate_that_names_nobody_or_two_is_nobodys(params string[] uris)
    {
        using var project = new TestProject();
        using X509Certificate2 signer = X509Certificate2.CreateFromPemFile(Path.Combine(project.Kits, "ca", "ca.pem"), Path.Combine(project.Kits, "ca", "ca-key.pem"));
        using X509Certificate2 odd = Issue(signer, "1.3.6.1.5.5.7.3.2", uris);
        using Kit kit = project.Open("server/server");
        Should.Throw<CertificateRefusedException>(() => kit.Trust.Require(odd)).Message.ShouldContain("names no party");
    }

    [Fact]
    public void A_site_cannot_make_certificates_with_its_own()
    {
        using var project = new TestProject();
        using Kit site = project.Open("site/a");
        using X509Certificate2 forged = Issue(site.Certificate, "1.3.6.1.5.5.7.3.2", "tributary://admin/mallory");
        using Kit server = project.Open("server/server");
        Should.Throw<CertificateRefusedException>(() => server.Trust.Require(forged)).Message.ShouldContain("another CA");
    }

    private static X509Certificate2 Issue(X509Certificate2 signer, string usage, params string[] uris)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using ECDsa signing = signer.GetECDsaPrivateKey()!;
        var request = new CertificateRequest("CN=odd", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        foreach (string uri in uris)
        {
            names.AddUri(new Uri(uri));
        }

        request.CertificateExtensions.Add(names.Build());
        return request.Create(signer.SubjectName, X509SignatureGenerator.CreateForECDsa(signing), DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddDays(1), [1, 2, 3]);
    }

    private static string Refusal(TestProject project) => Should.Throw<ProvisioningException>(() => project.Open("site/a")).Message;
}
