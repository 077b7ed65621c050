using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Tributary.Federation.Tasks;
using Tributary.Site.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Site.Tests;

public sealed class PatienceTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_agent_survives_a_server_that_goes_and_comes_back_between_tasks()
    {
        int port;
        await using (TestServer before = await TestServer.StartAsync())
        {
            port = before.Server.Address.Port;
            await using var first = new RunningAgent(before.Server.Address, ScriptedExecutor.Obedient());
            await before.Run(TestServer.Job("a")).Job;
        }

        await using var agent = new RunningAgent(new Uri($"http://127.0.0.1:{port}"), ScriptedExecutor.Obedient());
        for (int i = 0; i < 3; i++)
        {
            await using TestServer server = await TestServer.StartAsync(port);
            await server.Run(TestServer.Job("a")).Job;
            agent.Ended.IsCompleted.ShouldBeFalse();
        }
    }

    [Fact]
    public async Task While_the_server_is_away_the_waits_double_to_ten_seconds_and_never_end()
    {
        var time = new ManualTime();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        stop.CancelAfter(TimeSpan.FromSeconds(20));
        await using var agent = new RunningAgent(new Uri($"http://127.0.0.1:{FreePort()}"), ScriptedExecutor.Obedient(), time: time, jitter: new LongestWaits());
        foreach (double seconds in new[] { 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 10 })
        {
            await time.UntilTimerAsync(TimeSpan.FromSeconds(seconds), stop.Token);
            time.Advance(TimeSpan.FromSeconds(seconds));
        }

        agent.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Connections_that_are_reset_as_they_open_do_not_end_an_agent()
    {
        // Most of these come as an HttpRequestException, but about one in fifty as the socket's own: three hundred are sure to have some.
        const int Resets = 300;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var time = new ManualTime();
        await using var agent = new RunningAgent(new Uri($"http://{listener.LocalEndpoint}"), ScriptedExecutor.Obedient(), time: time, jitter: new LongestWaits());
        for (int i = 0; i < Resets; i++)
        {
            using Socket connection = await listener.AcceptSocketAsync(Cancel);
            connection.Close(timeout: 0);
            var wait = TimeSpan.FromSeconds(Math.Min(10, 0.2 * Math.Pow(2, i)));
            await await Task.WhenAny(time.UntilTimerAsync(wait, Cancel), agent.Ended);
            time.Advance(wait);
        }

        agent.Ended.IsCompleted.ShouldBeFalse();
    }

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    public async Task A_server_that_says_not_now_is_asked_again(int status)
    {
        await using StubServer stub = await StubServer.StartAsync();
        foreach (string what in new[] { "next", "result" })
        {
            stub.Refusals[what] = new ConcurrentQueue<int>([status, status]);
        }

        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient());
        (await stub.Taken.Task.WaitAsync(Cancel)).What.ShouldBe("result");
        await stub.Idle.Task.WaitAsync(Cancel);
        stub.Arrived.Count(each => each.What == "result").ShouldBe(3);
        stub.Arrived.Count(each => each.What == "next").ShouldBe(4);
    }

    [Fact]
    public async Task A_failure_is_told_again_until_the_server_has_heard_it()
    {
        await using StubServer stub = await StubServer.StartAsync();
        stub.Refusals["failure"] = new ConcurrentQueue<int>([503, 500]);
        await using var agent = new RunningAgent(stub.Address, new ScriptedExecutor((_, _, _) => throw new TaskFailedException("the disk is full")));
        (string what, string body) = await stub.Taken.Task.WaitAsync(Cancel);
        what.ShouldBe("failure");
        body.ShouldContain("the disk is full");
        await stub.Idle.Task.WaitAsync(Cancel);
        stub.Arrived.Count(each => each.What == "failure").ShouldBe(3);
    }

    [Fact]
    public async Task A_result_that_the_server_refuses_is_not_sent_again_but_told_as_a_failure_with_the_servers_reason()
    {
        await using StubServer stub = await StubServer.StartAsync();
        stub.Refusals["result"] = new ConcurrentQueue<int>([422]);
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient());
        (string what, string body) = await stub.Taken.Task.WaitAsync(Cancel);
        what.ShouldBe("failure");
        body.ShouldContain("the server answered 422: said the stub");
        stub.Arrived.Count(each => each.What == "result").ShouldBe(1);
    }

    [Theory]
    [InlineData("result")]
    [InlineData("failure")]
    [InlineData("progress")]
    public async Task A_step_that_is_gone_ends_the_task_and_not_the_agent(string what)
    {
        await using StubServer stub = await StubServer.StartAsync();
        stub.Refusals[what] = new ConcurrentQueue<int>([410]);
        var executor = new ScriptedExecutor(async (task, _, token) =>
        {
            if (what == "failure")
            {
                throw new TaskFailedException("too late");
            }

            if (what == "progress")
            {
                await Task.Delay(Timeout.Infinite, token);
            }

            return ScriptedExecutor.Same(task);
        });
        await using var agent = new RunningAgent(stub.Address, executor);
        await stub.Idle.Task.WaitAsync(Cancel);
        stub.Taken.Task.IsCompleted.ShouldBeFalse();
        agent.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_that_does_not_know_the_token_is_not_asked_again()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using var agent = new RunningAgent(server.Server.Address, ScriptedExecutor.Obedient(), site: "stranger");
        HttpRequestException refused = await Should.ThrowAsync<HttpRequestException>(agent.Ended);
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        refused.Message.ShouldContain("no bearer token of a site that this server knows");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Chance that always takes the longest wait.</summary>
    private sealed class LongestWaits : Random
    {
        public override double NextDouble() => 1;
    }
}
