using Tributary.Client;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Site.Tests.Harness;

namespace Tributary.Site.Tests;

public sealed class VersionTests
{
    [Theory]
    [InlineData("9.0.0")]
    [InlineData("nonsense")]
    public async Task A_site_stops_at_a_server_of_another_major_version_and_says_which(string version)
    {
        await using StubServer server = await StubServer.StartAsync();
        server.Version = version;
        await using var agent = new RunningAgent(server.Address, ScriptedExecutor.Obedient());
        VersionMismatchException reason = await Should.ThrowAsync<VersionMismatchException>(agent.Ended);
        reason.Message.ShouldContain($"the server speaks version {version} of Tributary, and this is version {ProtocolVersion.Current}");
    }

    [Theory]
    [InlineData("0.99.0")]
    [InlineData(null)]
    public async Task A_site_works_with_a_server_of_another_minor_version(string? version)
    {
        await using StubServer server = await StubServer.StartAsync();
        server.Version = version;
        await using var agent = new RunningAgent(server.Address, ScriptedExecutor.Obedient());
        (await server.Taken.Task.WaitAsync(TestContext.Current.CancellationToken)).What.ShouldBe("result");
    }
}
