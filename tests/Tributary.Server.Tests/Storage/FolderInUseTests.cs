using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Storage;

public sealed class FolderInUseTests
{
    /// <summary>Two servers would each clear away what the other's journal speaks of.</summary>
    [Fact]
    public async Task A_second_server_on_a_folder_is_refused_with_one_line_and_the_first_goes_on()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer first = await TestServer.StartAsync();
        Task<JobRecord> running = first.Run(Models.Job("demo", "a"), initial).Job;
        (await Should.ThrowAsync<IOException>(TestServer.StartAsync(folder: first.Folder))).Message
            .ShouldBe($"{first.Folder} is in use by another server; stop that one, or give this one another folder");
        await using RunningAgent a = first.Agent("a", new AddingExecutor(1, 1));
        (await running).Models.Count.ShouldBe(4);
    }

    [Fact]
    public async Task A_folder_is_free_again_when_its_server_has_ended_or_never_started()
    {
        await using TestServer taken = await TestServer.StartAsync();
        using var folder = new TempFolder();
        var options = new ServerOptions { Folder = folder["server"], Port = taken.Server.Address.Port, SiteByToken = new Dictionary<string, string>() };
        await Should.ThrowAsync<IOException>(TributaryServer.StartAsync(options, TimeProvider.System, static _ => { }, TestContext.Current.CancellationToken));
        for (int i = 0; i < 2; i++)
        {
            await using TestServer next = await TestServer.StartAsync(folder: folder["server"]);
        }
    }
}
