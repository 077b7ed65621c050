using System.Security.Cryptography.X509Certificates;
using Microsoft.Playwright;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;
using static Microsoft.Playwright.Assertions;

namespace Tributary.Dashboard.Tests;

/// <summary>A certificate that was written for import into a browser opens the server's page there, and is no use without its password.</summary>
public sealed class BrowserCertificateTests(Chromium chromium)
{
    [Fact]
    public async Task A_browser_with_the_certificate_opens_the_dashboard_at_the_server_itself()
    {
        IBrowser browser = chromium.Browser;
        using var folder = new TempFolder();
        await using SecureServer server = await SecureServer.StartAsync();
        using Kit kit = server.Project.Open("viewer/bob", TimeProvider.System);
        string password = BrowserCertificate.Write(kit, folder["bob.p12"]);
        var shown = new ClientCertificate { Origin = server.Address.GetLeftPart(UriPartial.Authority), PfxPath = folder["bob.p12"], Passphrase = password };

        // The server's own certificate is held against the CA by those tests that have no browser.
        await using IBrowserContext context = await browser.NewContextAsync(new BrowserNewContextOptions { ClientCertificates = [shown], IgnoreHTTPSErrors = true });
        IPage page = await context.NewPageAsync();
        var errors = new List<string>();
        page.Console += (_, message) => errors.AddRange(message.Type == "error" ? [message.Text] : []);
        await page.GotoAsync(server.Address.AbsoluteUri);
        await Expect(page.Locator("#who")).ToHaveTextAsync("viewer/bob");
        await Expect(page.Locator("#no-jobs")).ToContainTextAsync("There are no jobs yet");
        errors.ShouldBeEmpty();
    }

    [Fact]
    public void It_has_the_key_and_the_CA_is_encrypted_and_never_replaces_a_file()
    {
        using var project = new TestProject();
        using var folder = new TempFolder();
        using Kit kit = project.Open("admin/alice");
        string path = folder["alice.p12"];
        string password = BrowserCertificate.Write(kit, path);
        password.Length.ShouldBe(20);
        X509Certificate2Collection read = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, password);
        X509Certificate2 own = read.Single(certificate => certificate.HasPrivateKey);
        own.Thumbprint.ShouldBe(kit.Certificate.Thumbprint);
        read.Single(certificate => !certificate.HasPrivateKey).Thumbprint.ShouldBe(kit.Trust.Authority.Thumbprint);
        Should.Throw<System.Security.Cryptography.CryptographicException>(() => X509CertificateLoader.LoadPkcs12CollectionFromFile(path, "another"));
        if (!OperatingSystem.IsWindows())
        {
            File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        Should.Throw<ProvisioningException>(() => BrowserCertificate.Write(kit, path)).Message.ShouldContain("is there already");
        BrowserCertificate.Write(kit, folder["again.p12"]).ShouldNotBe(password);
    }
}
