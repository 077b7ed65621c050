using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Configuration;
using Tributary.Provisioning;
using Tributary.Simulation;

namespace Tributary.Cli.Commands;

/// <summary><c>provision</c>: the certificates and kits of a federation's parties.</summary>
internal static class ProvisionCommand
{
    private const string ProjectName = "project.yaml";

    private static readonly Argument<string> Project = new("project") { Description = "The project file (YAML) that names the parties; 'provision init' writes one" };
    private static readonly Argument<string[]> Parties = new("party") { Description = "Whose, as role/name: server/server, site/clinic-a, admin/alice", Arity = ArgumentArity.OneOrMore };
    private static readonly Argument<string> Name = new("name") { Description = "The site's name; it is for the signer, who decides" };
    private static readonly Argument<string> Request = new("request") { Description = "The request that the site made (request.pem)" };
    private static readonly Option<string> As = new("--as") { Description = "Whose key it is, as role/name: site/clinic-b. What the request says of itself does not matter", Required = true };
    private static readonly Option<string> Kits = new("--out") { Description = "The folder of the kits; the certificate authority is 'ca' in it", DefaultValueFactory = _ => "kits" };
    private static readonly Option<string> Out = new("--out") { Description = "The file to write; it must not be there yet", DefaultValueFactory = _ => ProjectName };
    private static readonly Option<string> RequestOut = new("--out") { Description = "The folder for the key, which stays there, and the request", DefaultValueFactory = _ => "request" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    public static Command Create()
    {
        var command = new Command("provision", "Make the certificate authority of a federation and a kit for each of its parties; what is there is kept")
        {
            Project, Kits, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, async () =>
        {
            ProjectFile project = await ReadAsync(parsed.GetRequiredValue(Project), cancellationToken);
            return Print(parsed, Provisioner(parsed).Provision(project, made => Console.Error.WriteLine(Line(made)), cancellationToken));
        }));
        foreach (Command verb in new[] { Init(), RequestVerb(), Sign(), Renew(), Revoke() })
        {
            command.Subcommands.Add(verb);
        }

        return command.WithExamples("provision project.yaml --out kits", "provision project.yaml --json");
    }

    private static Command Init()
    {
        var command = new Command("init", "Write a project file to begin with, which explains itself") { Out, Json };
        command.SetAction((parsed, _) => Failures.GuardAsync(parsed, () =>
        {
            string path = parsed.GetRequiredValue(Out);
            if (Path.Exists(path))
            {
                throw new UsageException($"{path}: is there already; give another name with --out, or go on with 'tributary provision {path}'");
            }

            ProjectTemplate.Write(path);
            Console.Out.WriteLine(parsed.GetValue(Json)
                ? JsonSerializer.Serialize(new { path = Path.GetFullPath(path) }, Output.Json)
                : $"{path}: change it to your parties, then run 'tributary provision {path} --out kits'");
            return Task.FromResult(0);
        }));
        return command.WithExamples("provision init", "provision init --out hospitals.yaml --json");
    }

    private static Command RequestVerb()
    {
        var command = new Command("request", "At a site that makes its own key: make the key, and a request to certify it") { Name, RequestOut, Json };
        command.SetAction((parsed, _) => Failures.GuardAsync(parsed, () =>
        {
            string name = parsed.GetRequiredValue(Name);
            if (JobName.Refuse(name) is { } reason)
            {
                throw new UsageException(reason);
            }

            string folder = parsed.GetRequiredValue(RequestOut);
            OwnKey.Request(name, folder);
            (string key, string request) = (Path.Combine(folder, KitFiles.Key), Path.Combine(folder, OwnKey.RequestFile));
            Console.Out.WriteLine(parsed.GetValue(Json)
                ? JsonSerializer.Serialize(new { key = Path.GetFullPath(key), request = Path.GetFullPath(request) }, Output.Json)
                : $"{request}: send this to whoever holds the certificate authority\n{key}: this stays here; put it into the kit that comes back");
            return Task.FromResult(0);
        }));
        return command.WithExamples("provision request clinic-b", "provision request clinic-b --out ~/tributary --json");
    }

    private static Command Sign()
    {
        var command = new Command("sign", "Certify the key of a site that made its own, and make its kit, without a key") { Request, Project, As, Kits, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, async () =>
        {
            string path = parsed.GetRequiredValue(Request);
            ProjectFile project = await ReadAsync(parsed.GetRequiredValue(Project), cancellationToken);
            string request = File.Exists(path) ? await File.ReadAllTextAsync(path, cancellationToken) : throw new UsageException($"{path}: there is no such request");
            return Print(parsed, Provisioner(parsed).Sign(project, ReadParty(parsed.GetRequiredValue(As)), request, path));
        }));
        return command.WithExamples("provision sign request.pem project.yaml --as site/clinic-b", "provision sign request.pem project.yaml --as site/clinic-b --out kits --json");
    }

    private static Command Renew()
    {
        var command = new Command("renew", "Issue new certificates for the keys that parties have, under the same names") { Project, Parties, Kits, Json };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, async () =>
        {
            ProjectFile project = await ReadAsync(parsed.GetRequiredValue(Project), cancellationToken);
            return Print(parsed, Provisioner(parsed).Renew(project, ReadParties(parsed)));
        }));
        return command.WithExamples("provision renew project.yaml server/server", "provision renew project.yaml site/clinic-a site/clinic-b --out kits --json");
    }

    private static Command Revoke()
    {
        var command = new Command("revoke", "Take back all certificates of parties: a new list of revoked certificates, to be copied to the server and the sites") { Parties, Kits, Json };
        command.SetAction((parsed, _) => Failures.GuardAsync(parsed, () => Task.FromResult(Print(parsed, Provisioner(parsed).Revoke(ReadParties(parsed))))));
        return command.WithExamples("provision revoke site/clinic-b", "provision revoke admin/alice --out kits --json");
    }

    private static Provisioner Provisioner(ParseResult parsed) => new(parsed.GetRequiredValue(Kits), TimeProvider.System);

    private static async Task<ProjectFile> ReadAsync(string path, CancellationToken cancellationToken) => File.Exists(path)
        ? ProjectFile.Parse(await File.ReadAllTextAsync(path, cancellationToken), path)
        : throw new UsageException($"{path}: there is no such project file; 'tributary provision init' writes one");

    private static Party[] ReadParties(ParseResult parsed) => [.. parsed.GetRequiredValue(Parties).Select(ReadParty)];

    private static Party ReadParty(string text) => Party.Parse(text)
        ?? throw new UsageException($"'{text}' is no party; write role/name, such as server/server, site/clinic-a, admin/alice or viewer/bob");

    private static int Print(ParseResult parsed, ProvisioningReport report)
    {
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(Document(report), Output.Json));
            return 0;
        }

        bool isRun = parsed.CommandResult.Command.Name == "provision";
        foreach (ProvisionedParty party in report.Parties.Where(party => !isRun || party.Advice is not null))
        {
            Console.Out.WriteLine(isRun ? $"{party.Party}: {party.Advice}" : Line(party) + (party.Advice is null ? string.Empty : $"\n  {party.Advice}"));
        }

        Console.Out.WriteLine(
            $"{report.AuthorityFolder}: the certificate authority, until {report.AuthorityUntil:yyyy-MM-dd}. Keep this folder to yourself, and a copy of it: whoever has it decides who takes part");
        return 0;
    }

    private static string Line(ProvisionedParty party)
    {
        string state = party.State switch
        {
            PartyState.AwaitsRequest => "waits for its request",
            PartyState.Kept when party.Folder is null => "kept; its kit is not here any more",
            _ => party.State.ToString().ToLowerInvariant(),
        };
        string where = party.Folder is null ? string.Empty : $": {party.Folder}";
        string until = party.ValidUntil is { } end ? $", valid until {end:yyyy-MM-dd}" : string.Empty;
        return $"{party.Party} {state}{where}{until}";
    }

    private static object Document(ProvisioningReport report) => new
    {
        authority = new { folder = Path.GetFullPath(report.AuthorityFolder), validUntil = report.AuthorityUntil },
        revocationList = Path.GetFullPath(report.RevocationList),
        parties = report.Parties.Select(party => new
        {
            party = party.Party.ToString(),
            state = JsonNamingPolicy.CamelCase.ConvertName(party.State.ToString()),
            folder = party.Folder is null ? null : Path.GetFullPath(party.Folder),
            zip = party.Folder is null ? null : Path.GetFullPath(party.Folder + ".zip"),
            validUntil = party.ValidUntil,
            advice = party.Advice,
        }),
    };
}
