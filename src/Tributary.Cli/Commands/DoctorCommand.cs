using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Client;
using Tributary.Provisioning;
using Tributary.Server;
using Tributary.Site;

namespace Tributary.Cli.Commands;

/// <summary><c>doctor</c>: what stands between a kit and a party that works, and what to do.</summary>
internal static class DoctorCommand
{
    private static readonly Option<string> KitFolder = new("--kit") { Description = "The kit of a server, a site, an administrator or a viewer", Required = true };
    private static readonly Option<string?> Data = new("--data") { Description = "A site's records, where the site is started so" };
    private static readonly Option<string?> Model = new("--model") { Description = "A site's checkpoint folder, where the site is started so" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var command = new Command("doctor", "Check a kit and the machine it is on: clock, certificates, port or server, disk, data, model; and say how to mend what is wrong. Exit code 0: nothing is; 1: something is")
        {
            KitFolder, Data, Model, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => RunAsync(parsed, cancellationToken)));
        return command.WithExamples("doctor --kit kits/server", "doctor --kit kits/sites/site-1 --data records.jsonl --model models/llama", "doctor --kit kits/admins/alice --json");
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        TimeProvider time = TimeProvider.System;
        using var kit = Kit.Load(parsed.GetRequiredValue(KitFolder), role: null, time);
        IReadOnlyList<Finding> findings = [.. KitCheckup.Look(kit, time), .. await LookAsync(parsed, kit, time, cancellationToken)];
        bool isWell = findings.All(finding => finding.Kind != FindingKind.Fault);
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { party = kit.Party.ToString(), well = isWell, findings }, Output.Json));
        }
        else
        {
            Print(kit, findings);
        }

        return isWell ? 0 : Failures.Failed;
    }

    private static async Task<IReadOnlyList<Finding>> LookAsync(ParseResult parsed, Kit kit, TimeProvider time, CancellationToken cancellationToken)
    {
        switch (kit.Party.Role)
        {
            case PartyRole.Server:
                return [.. ServerCheckup.Look(ServerFile.Read(kit))];
            case PartyRole.Site:
                SiteFile site = SiteFile.Read(kit, time);
                site = site with { DataPath = parsed.GetValue(Data) ?? site.DataPath, ModelFolder = parsed.GetValue(Model) ?? site.ModelFolder };
                return [.. await ConnectionCheckup.LookAsync(kit, site.Options.Server, site.Options.Proxy, time, cancellationToken), .. SiteCheckup.Look(site)];
            default:
                AdminFile admin = AdminFile.Read(kit);
                return await ConnectionCheckup.LookAsync(kit, admin.Server, admin.Proxy, time, cancellationToken);
        }
    }

    private static void Print(Kit kit, IReadOnlyList<Finding> findings)
    {
        Console.Out.WriteLine(kit.Party);
        foreach (Finding finding in findings)
        {
            (string word, string color) = finding.Kind switch
            {
                FindingKind.Good => ("good", "green"),
                FindingKind.Warning => ("look", "yellow"),
                _ => ("mend", "red"),
            };
            Consoles.Out.Write(new Spectre.Console.Markup($"  [{color}]{word}[/]  "));
            Console.Out.WriteLine($"{finding.What,-12} {finding.Says}");
            if (finding.Remedy is { } remedy)
            {
                Console.Out.WriteLine($"                     {remedy}");
            }
        }
    }
}
