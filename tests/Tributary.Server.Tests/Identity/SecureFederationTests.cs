using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Identity;

/// <summary>Sites and server with kits, as they are deployed.</summary>
public sealed class SecureFederationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_runs_over_mutual_TLS_also_through_a_proxy()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await using var proxy = new ConnectProxy();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1), proxy.Address);
        JobDocument ended = await server.RunAsync(Models.Job("demo", "a", "b"), initial);
        ended.Line.State.ShouldBe(JobState.Finished, ended.Line.Reason);
        proxy.Tunnelled.ShouldNotBeEmpty();
        proxy.Tunnelled.ShouldAllBe(request => request == $"CONNECT 127.0.0.1:{server.Address.Port} HTTP/1.1");
    }

    [Fact]
    public async Task A_site_that_is_there_first_waits_for_its_server_and_comes_back_to_one_that_was_started_again()
    {
        using MemorySource initial = Models.Eighths();
        var log = new ListLogger();
        await using SecureServer server = await SecureServer.StartAsync();
        await server.Server.DisposeAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1), logger: log, server: server.Address);
        (await log.UntilAsync("does not answer", Cancel)).ShouldContain("refused");
        await server.RestartAsync();
        (await server.RunAsync(Models.Job("first", "a"), initial)).Line.State.ShouldBe(JobState.Finished);
        await server.RestartAsync();
        (await server.RunAsync(Models.Job("second", "a"), initial)).Line.State.ShouldBe(JobState.Finished);
        await log.UntilAsync("answers again", Cancel);
    }

    [Fact]
    public async Task A_site_sends_nothing_to_a_server_of_another_project_and_says_why()
    {
        var log = new ListLogger();
        await using SecureServer other = await SecureServer.StartAsync();
        await using SecureServer own = await SecureServer.StartAsync();
        await using RunningAgent a = own.Agent("a", new AddingExecutor(1, 1), server: other.Address, logger: log);
        (await log.UntilAsync("does not answer", Cancel)).ShouldContain("the certificate of server/server is of another CA than this project's");
    }

    [Fact]
    public async Task A_site_takes_no_other_party_for_the_server_though_it_is_of_the_project()
    {
        var log = new ListLogger();
        await using SecureServer impostor = await SecureServer.StartAsync(party: "site/b");
        await using RunningAgent a = impostor.Agent("a", new AddingExecutor(1, 1), logger: log);
        (await log.UntilAsync("does not answer", Cancel)).ShouldContain("shows the certificate of site/b, which is no server");
    }

    [Fact]
    public async Task A_site_takes_no_server_under_a_name_that_its_certificate_does_not_have()
    {
        var log = new ListLogger();
        var project = new TestProject(TestProject.Yaml.Replace("localhost, 127.0.0.1", "fl.example.org", StringComparison.Ordinal));
        await using SecureServer server = await SecureServer.StartAsync(project);
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1), logger: log);
        (await log.UntilAsync("does not answer", Cancel)).ShouldContain("does not name '127.0.0.1'");
    }

    [Fact]
    public async Task A_site_that_is_revoked_while_it_is_connected_stops_and_says_why()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        var working = new TaskCompletionSource();
        var revoked = new TaskCompletionSource();
        var executor = new AddingExecutor(1, 1)
        {
            Before = async (_, _) =>
            {
                working.TrySetResult();
                await revoked.Task;
            },
        };
        using MemorySource initial = Models.Eighths();
        await using RunningAgent a = server.Agent("a", executor);
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), "model", initial, progress: null, Cancel);
        await working.Task.WaitAsync(Cancel);
        server.Project.Provisioner.Revoke([new Party(PartyRole.Site, "a")]);
        revoked.SetResult();
        HttpRequestException reason = await Should.ThrowAsync<HttpRequestException>(a.Ended.WaitAsync(Cancel));
        reason.Message.ShouldContain("403");
    }

    [Fact]
    public async Task The_files_of_new_kits_are_read_and_say_where_the_server_is()
    {
        using var project = new TestProject();
        using Kit server = project.Open("server/server");
        using Kit site = project.Open("site/a");
        ServerOptions listening = ServerFile.Read(server);
        (listening.Port, listening.Address, listening.Folder, listening.Kit).ShouldBe((8443, null, Path.Combine(server.Folder, "data"), server));
        Site.SiteOptions connecting = Site.SiteFile.Read(site, TimeProvider.System).Options;
        (connecting.Name, connecting.Server, connecting.Proxy, connecting.Kit).ShouldBe(("a", new Uri("https://localhost:8443"), null, site));

        // What is commented out is right as well.
        string yaml = await File.ReadAllTextAsync(site.ConfigurationPath, Cancel);
        foreach (string key in new[] { "proxy", "data", "model", "telemetry", "  otlp" })
        {
            yaml = yaml.Replace($"# {key}:", $"{key}:", StringComparison.Ordinal);
        }

        await File.WriteAllTextAsync(site.ConfigurationPath, yaml, Cancel);
        Site.SiteFile all = Site.SiteFile.Read(site, TimeProvider.System);
        (all.Options.Proxy, all.DataPath, all.ModelFolder).ShouldBe((new Uri("http://proxy.example.org:3128"), Path.Combine(site.Folder, "records.jsonl"), Path.Combine(site.Folder, "model")));
        all.Telemetry.ShouldBe(new Uri("http://127.0.0.1:4318"));
        string listens = await File.ReadAllTextAsync(server.ConfigurationPath, Cancel);
        await File.WriteAllTextAsync(
            server.ConfigurationPath,
            listens.Replace("# health_port:", "health_port:", StringComparison.Ordinal).Replace("# telemetry:", "telemetry:", StringComparison.Ordinal).Replace("#   otlp:", "  otlp:", StringComparison.Ordinal),
            Cancel);
        listening = ServerFile.Read(server);
        (listening.HealthPort, listening.Telemetry).ShouldBe((8444, new Uri("http://127.0.0.1:4318")));
    }

    [Fact]
    public async Task What_is_wrong_in_a_kits_configuration_is_said_with_its_line()
    {
        using var project = new TestProject();
        using Kit server = project.Open("server/server");
        using Kit site = project.Open("site/a");
        await File.WriteAllTextAsync(server.ConfigurationPath, "address: everywhere\nport: 99999\nfolder: data\ntls: no\ntelemetry: { otlp: nowhere }\n", Cancel);
        string message = Should.Throw<Configuration.YamlFileException>(() => ServerFile.Read(server)).Message;
        foreach (string part in new[] { "server.yaml:1: 'address' is 'everywhere'", "server.yaml:2: 'port' is '99999'", "server.yaml:4: unknown key 'tls'", "server.yaml:5: 'otlp' is 'nowhere'" })
        {
            message.ShouldContain(part);
        }

        await File.WriteAllTextAsync(site.ConfigurationPath, "server: http://fl.example.org\nproxy: proxy:3128\n", Cancel);
        message = Should.Throw<Configuration.YamlFileException>(() => Site.SiteFile.Read(site, TimeProvider.System)).Message;
        foreach (string part in new[] { "site.yaml:1: 'server' is 'http://fl.example.org'", "begins with https://", "site.yaml:2: 'proxy' is 'proxy:3128'", "'folder' is missing" })
        {
            message.ShouldContain(part);
        }
    }
}
