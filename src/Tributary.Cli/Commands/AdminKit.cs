using System.CommandLine;
using Tributary.Client;
using Tributary.Provisioning;
using Tributary.Simulation;

namespace Tributary.Cli.Commands;

/// <summary>How verbs for administrators and viewers say whose kit they use.</summary>
internal static class AdminKit
{
    private const string Variable = "TRIBUTARY_KIT";

    public static Option<string?> Folder { get; } = new("--kit") { Description = $"Your kit: the folder that 'provision' made for an administrator or viewer [default: {Variable} in the environment]" };

    public static Option<bool> Insecure { get; } = new("--insecure-loopback") { Description = "For trials on one machine: without TLS, to a server on loopback that was started so" };

    public static Option<bool> Json { get; } = new("--json") { Description = "Print one JSON document on stdout, progress on stderr" };

    /// <summary>Runs a verb with the server's interface.</summary>
    public static Task<int> WithClientAsync(ParseResult parsed, Func<JobClient, Task<int>> verb) => WithKitAsync(parsed, async (kit, server) =>
    {
        using var client = new JobClient(kit, server, parsed.GetValue(Insecure), TimeProvider.System, new Random());
        return await verb(client);
    });

    /// <summary>Runs a verb with a kit and what it says of the server.</summary>
    public static async Task<int> WithKitAsync(ParseResult parsed, Func<Kit, AdminFile, Task<int>> verb)
    {
        string folder = parsed.GetValue(Folder) ?? Environment.GetEnvironmentVariable(Variable)
            ?? throw new UsageException($"which kit is yours? Give its folder with --kit, or set {Variable} to it");
        using var kit = Kit.Load(folder, role: null, TimeProvider.System);
        if (kit.Party.Role is not (PartyRole.Admin or PartyRole.Viewer))
        {
            throw new UsageException($"{folder} is the kit of {kit.Party}; one of an administrator is needed here, or a viewer's to look");
        }

        return await verb(kit, AdminFile.Read(kit));
    }
}
