using System.Text.Json;
using Tributary.Provisioning;
using Tributary.TestKit;

namespace Tributary.EndToEnd;

/// <summary>Provisioning as administrators run it.</summary>
public sealed class ProvisioningTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Killed_in_the_middle_it_leaves_nothing_half_and_the_next_run_completes_it()
    {
        const int Sites = 150;
        string[] sites = [.. Enumerable.Range(1, Sites).Select(number => $"clinic-{number}")];
        await File.WriteAllTextAsync(_folder["project.yaml"], $"name: test\nserver: {{ addresses: [localhost] }}\nsites: [{string.Join(", ", sites)}]\n", Cancel);
        foreach (string killAt in new[] { "server/server created", "clinic-4 created", "clinic-11 created", "clinic-29 created" })
        {
            // It works on while the line is read, so it dies somewhere behind.
            ProgramResult killed = await TributaryProgram.RunAsync(_folder.Path, line => line.Contains(killAt, StringComparison.Ordinal), Cancel, "provision", "project.yaml");
            killed.ExitCode.ShouldNotBe(0);
            RequireWholeKits();
        }

        ProgramResult last = await TributaryProgram.RunAsync(_folder.Path, Cancel, "provision", "project.yaml", "--json");
        last.ExitCode.ShouldBe(0, last.Error);
        RequireWholeKits().ShouldBe(Sites + 1);
        Directory.GetFiles(_folder["kits/ca/issued"], "*.pem").Length.ShouldBe(Sites + 1, "a certificate that nobody got was not issued");
        Directory.GetFiles(_folder["kits"], "*.zip", SearchOption.AllDirectories).Length.ShouldBe(Sites + 1);
        Directory.GetFileSystemEntries(_folder["kits"], "*.partial", SearchOption.AllDirectories).ShouldBeEmpty();
        using JsonDocument document = JsonDocument.Parse(last.Output);
        JsonElement parties = document.RootElement.GetProperty("parties");
        parties.EnumerateArray().Select(party => party.GetProperty("party").GetString()).ShouldBe([.. sites.Select(site => $"site/{site}").Prepend("server/server")]);
        parties.EnumerateArray().ShouldAllBe(party => File.Exists(party.GetProperty("zip").GetString()));
    }

    [Fact]
    public async Task A_site_with_a_key_of_its_own_gets_in_by_the_commands_of_the_help()
    {
        await File.WriteAllTextAsync(_folder["project.yaml"], "name: test\nserver: { addresses: [localhost] }\nsites: [clinic-b]\nown_keys: [clinic-b]\n", Cancel);
        foreach (string command in new[]
        {
            "provision project.yaml", "provision request clinic-b --out own", "provision sign own/request.pem project.yaml --as site/clinic-b",
            "provision renew project.yaml site/clinic-b",
        })
        {
            ProgramResult result = await TributaryProgram.RunAsync(_folder.Path, Cancel, command.Split(' '));
            result.ExitCode.ShouldBe(0, result.Error);
        }

        File.Copy(_folder["own/key.pem"], _folder["kits/sites/clinic-b/key.pem"]);
        using var kit = Kit.Load(_folder["kits/sites/clinic-b"], PartyRole.Site, TimeProvider.System);
        kit.Party.Name.ShouldBe("clinic-b");
    }

    /// <summary>Every folder that has a kit's name is a kit that works; gives how many.</summary>
    private int RequireWholeKits()
    {
        string[] kits = [.. Directory.GetDirectories(_folder["kits"], "clinic-*", SearchOption.AllDirectories).Append(_folder["kits/server"])
            .Where(path => Directory.Exists(path) && !path.EndsWith(".partial", StringComparison.Ordinal))];
        foreach (string path in kits)
        {
            using var kit = Kit.Load(path, role: null, TimeProvider.System);
        }

        return kits.Length;
    }
}
