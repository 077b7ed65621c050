using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Tributary.TestKit;

namespace Tributary.Provisioning.Tests;

public sealed class RevocationListTests
{
    [Fact]
    public void A_list_that_was_changed_in_any_byte_is_refused_and_never_crashes_its_reader()
    {
        using var project = new TestProject();
        project.Provisioner.Revoke([new Party(PartyRole.Site, "a"), new Party(PartyRole.Site, "b")]);
        string pem = File.ReadAllText(Path.Combine(project.Kits, "ca", KitFiles.Revoked));
        using X509Certificate2 authority = X509Certificate2.CreateFromPem(File.ReadAllText(Path.Combine(project.Kits, "ca", KitFiles.Authority)));
        RevocationList.Parse(pem, authority).Count.ShouldBe(2);
        PemFields fields = PemEncoding.Find(pem);
        byte[] whole = Convert.FromBase64String(pem[fields.Base64Data]);
        var random = new Random(7);
        for (int i = 0; i < 3000; i++)
        {
            byte[] changed = (random.Next(3), random.Next(whole.Length)) switch
            {
                (0, var at) => whole[..at],
                (1, var at) => [.. whole[..at], (byte)random.Next(256), .. whole[at..]],
                (_, var at) => [.. whole[..at], (byte)(whole[at] ^ (1 + random.Next(255))), .. whole[(at + 1)..]],
            };
            Should.Throw<CertificateRefusedException>(() => RevocationList.Parse(PemEncoding.WriteString("X509 CRL", changed), authority), $"change {i}");
        }
    }

    [Fact]
    public void Lists_of_thousands_are_read_and_looked_up()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=big CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using X509Certificate2 authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var builder = new CertificateRevocationListBuilder();
        for (int i = 1; i <= 20_000; i++)
        {
            builder.AddEntry(BitConverter.GetBytes(i | 0x40000000).Reverse().ToArray());
        }

        string pem = PemEncoding.WriteString("X509 CRL", builder.Build(authority, 42, DateTimeOffset.UtcNow.AddDays(1), HashAlgorithmName.SHA256));
        RevocationList list = RevocationList.Parse(pem, authority);
        ((int)list.Number, list.Count, list.Contains(authority)).ShouldBe((42, 20_000, false));
    }
}
