using System.CommandLine;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Client;
using Tributary.Client.Dashboard;
using Tributary.Provisioning;

namespace Tributary.Cli.Commands;

/// <summary><c>dashboard</c>: the server's dashboard in a browser.</summary>
internal static class DashboardCommand
{
    private static readonly Option<int> Port = new("--port") { Description = "The port on 127.0.0.1 [default: any that is free]" };
    private static readonly Option<bool> NoOpen = new("--no-open") { Description = "Print the address, and open no browser" };
    private static readonly Option<FileInfo?> Pkcs12 = new("--p12") { Description = "Instead, write your certificate with its key to this file, for import into a browser, and print the password of it" };

    public static Command Create()
    {
        var command = new Command("dashboard", "Show the server's dashboard in a browser on this machine, until it is told to end (Ctrl-C)")
        {
            AdminKit.Folder, Port, NoOpen, Pkcs12, AdminKit.Insecure, AdminKit.Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => AdminKit.WithKitAsync(
            parsed, (kit, server) => parsed.GetValue(Pkcs12) is { } file ? Task.FromResult(Export(parsed, kit, server, file)) : ForwardAsync(parsed, kit, server, cancellationToken))));
        return command.WithExamples("dashboard --kit kits/viewers/bob", "dashboard --kit kits/admins/alice --port 8500 --no-open", "dashboard --kit kits/viewers/bob --p12 bob.p12");
    }

    private static async Task<int> ForwardAsync(ParseResult parsed, Kit kit, AdminFile server, CancellationToken cancellationToken)
    {
        bool isInsecure = parsed.GetValue(AdminKit.Insecure);
        using (var asked = new JobClient(kit, server, isInsecure, TimeProvider.System, new Random()))
        {
            // So that a server which is not there, or refuses, is said here and not in a browser.
            await asked.MeAsync(cancellationToken);
        }

        using HttpClient connection = server.Connect(kit, isInsecure);
        await using DashboardForwarder forwarder = await DashboardForwarder.StartAsync(connection, parsed.GetValue(Port), cancellationToken);
        Console.Out.WriteLine(parsed.GetValue(AdminKit.Json) ? JsonSerializer.Serialize(new { address = forwarder.Address }, Output.Json) : forwarder.Address);
        using var window = new BrowserWindow();
        bool isOpen = !parsed.GetValue(NoOpen) && window.Open(forwarder.Address);
        Console.Error.WriteLine($"the dashboard of {server.Address(isInsecure)} for {kit.Party}: {(isOpen ? "a browser is being opened" : "open this address in a browser")}. Tell nobody the address. Ctrl-C ends it.");
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration end = cancellationToken.Register(ended.SetResult);
        await ended.Task;
        return 0;
    }

    private static int Export(ParseResult parsed, Kit kit, AdminFile server, FileInfo file)
    {
        string password = BrowserCertificate.Write(kit, file.FullName);
        if (parsed.GetValue(AdminKit.Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { file = file.FullName, password }, Output.Json));
            return 0;
        }

        Console.Out.WriteLine(password);
        Console.Error.WriteLine($"{file} has the certificate and key of {kit.Party}, encrypted with this password. Import it into your browser, with the project's CA as one that it trusts for websites; then remove it, and open {server.Server}");
        return 0;
    }
}
