using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Tributary.TestKit;

namespace Tributary.Provisioning.Tests;

public sealed class KeyRequestTests
{
    private const string Yaml = TestProject.Yaml + "\nown_keys: [b]";

    private static readonly Party B = new(PartyRole.Site, "b");

    [Fact]
    public void A_site_that_makes_its_own_key_gets_a_kit_without_one_that_works_with_it()
    {
        using var project = new TestProject(Yaml);
        ProvisionedParty waiting = project.Provision().Parties.Single(party => party.Party == B);
        waiting.State.ShouldBe(PartyState.AwaitsRequest);
        Directory.Exists(project.Folder("site/b")).ShouldBeFalse();

        OwnKey.Request("b", project["own"]);
        project.Provisioner.Sign(project.File, B, File.ReadAllText(Path.Combine(project["own"], OwnKey.RequestFile)), "request.pem");
        Should.Throw<ProvisioningException>(() => project.Open("site/b")).Message.ShouldContain("key.pem is not there");
        File.Copy(Path.Combine(project["own"], KitFiles.Key), Path.Combine(project.Folder("site/b"), KitFiles.Key));
        using Kit kit = project.Open("site/b");
        kit.Party.ShouldBe(B);
        project.Provision().Parties.Single(party => party.Party == B).State.ShouldBe(PartyState.Kept);
    }

    [Fact]
    public void What_a_request_says_of_itself_is_worth_nothing()
    {
        // A request that asks to be the CA, a server and an administrator: whoever signs it for site b gets a certificate for site b.
        using var project = new TestProject(Yaml);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = new CertificateRequest("CN=alice, OU=admin", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri("tributary://admin/alice"));
        names.AddDnsName("localhost");
        forged.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        forged.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        forged.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], true));
        forged.CertificateExtensions.Add(names.Build());
        project.Provisioner.Sign(project.File, B, forged.CreateSigningRequestPem(), "request.pem");

        using X509Certificate2 signed = X509Certificate2.CreateFromPem(File.ReadAllText(Path.Combine(project.Folder("site/b"), KitFiles.Certificate)));
        CertificateIdentity.Of(signed).ShouldBe(B);
        signed.Subject.ShouldContain("CN=b");
        signed.Subject.ShouldNotContain("alice");
        signed.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority.ShouldBeFalse();
        signed.Extensions.OfType<X509KeyUsageExtension>().Single().KeyUsages.ShouldBe(X509KeyUsageFlags.DigitalSignature);
        signed.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages.Cast<Oid>().Single().Value.ShouldBe("1.3.6.1.5.5.7.3.2");
        signed.MatchesHostname("localhost").ShouldBeFalse();
        signed.Extensions.Count(extension => extension.Oid!.Value == "2.5.29.17").ShouldBe(1);
    }

    [Fact]
    public void A_request_that_is_not_signed_with_its_own_key_is_refused()
    {
        using var project = new TestProject(Yaml);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        byte[] request = new CertificateRequest("CN=b", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        request[^1] ^= 1;
        string pem = PemEncoding.WriteString("CERTIFICATE REQUEST", request);
        Should.Throw<ProvisioningException>(() => project.Provisioner.Sign(project.File, B, pem, "request.pem")).Message.ShouldStartWith("request.pem is no valid request");
        Directory.Exists(project.Folder("site/b")).ShouldBeFalse();
    }

    [Fact]
    public void A_weak_or_strange_key_is_refused()
    {
        using var project = new TestProject(Yaml);
        using var rsa = RSA.Create(1024);
        string pem = new CertificateRequest("CN=b", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequestPem();
        Should.Throw<ProvisioningException>(() => project.Provisioner.Sign(project.File, B, pem, "request.pem")).Message.ShouldContain("ECDSA P-256");
        Should.Throw<ProvisioningException>(() => project.Provisioner.Sign(project.File, B, "nonsense", "request.pem")).Message.ShouldContain("no valid request");
    }

    [Theory]
    [InlineData("site/a")]
    [InlineData("site/nobody")]
    [InlineData("admin/alice")]
    [InlineData("server/server")]
    public void Nobody_is_signed_for_but_those_whom_the_project_names_for_it(string party)
    {
        using var project = new TestProject(Yaml);
        OwnKey.Request("b", project["own"]);
        string pem = File.ReadAllText(Path.Combine(project["own"], OwnKey.RequestFile));
        Should.Throw<ProvisioningException>(() => project.Provisioner.Sign(project.File, Party.Parse(party)!, pem, "request.pem")).Message.ShouldContain("own_keys");
    }

    [Fact]
    public void A_key_that_never_left_its_site_is_renewed_without_it()
    {
        using var project = new TestProject(Yaml);
        OwnKey.Request("b", project["own"]);
        project.Provisioner.Sign(project.File, B, File.ReadAllText(Path.Combine(project["own"], OwnKey.RequestFile)), "request.pem");
        Directory.Delete(project.Folder("site/b"), recursive: true);
        project.Provisioner.Renew(project.File, [B]);
        File.Copy(Path.Combine(project["own"], KitFiles.Key), Path.Combine(project.Folder("site/b"), KitFiles.Key));
        using Kit kit = project.Open("site/b");
        kit.Party.ShouldBe(B);
    }

    [Fact]
    public void Asking_twice_keeps_the_key()
    {
        using var folder = new TempFolder();
        OwnKey.Request("b", folder.Path);
        string key = File.ReadAllText(folder[KitFiles.Key]);
        OwnKey.Request("b", folder.Path);
        File.ReadAllText(folder[KitFiles.Key]).ShouldBe(key);
    }
}
