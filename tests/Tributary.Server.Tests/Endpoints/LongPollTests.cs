using System.Net;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Endpoints;

public sealed class LongPollTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("wait=20", 20)]
    [InlineData("respond-async, wait=7", 7)]
    [InlineData("wait=3600", 60)]
    public async Task A_request_for_a_task_waits_as_long_as_it_prefers_and_the_server_allows(string prefer, int seconds)
    {
        var time = new ManualTime();
        await using TestServer server = await TestServer.StartAsync(time);
        using ManualSite a = server.Site("a");
        Task<HttpResponseMessage> polling = a.PollAsync(prefer);
        await time.UntilTimerAsync(TimeSpan.FromSeconds(seconds), Cancel);
        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
        polling.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromTicks(1));
        using HttpResponseMessage response = await polling;
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wait=0")]
    [InlineData("wait=-5")]
    [InlineData("wait=soon")]
    [InlineData("handling=lenient")]
    public async Task A_request_that_does_not_ask_to_wait_is_answered_at_once(string? prefer)
    {
        await using TestServer server = await TestServer.StartAsync(new ManualTime());
        using ManualSite a = server.Site("a");
        using HttpResponseMessage response = await a.PollAsync(prefer);
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_step_that_opens_is_handed_at_once_to_a_site_that_waits()
    {
        var time = new ManualTime();
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync(time);
        using ManualSite a = server.Site("a");
        Task<HttpResponseMessage> polling = a.PollAsync("wait=20");
        await time.UntilTimerAsync(TimeSpan.FromSeconds(20), Cancel);
        server.Run(Models.Job("demo", "a"), initial);
        using HttpResponseMessage response = await polling;
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
