using Tributary.Federation.Workflows;
using Tributary.Simulation.Experiments.Processes;
using Tributary.Simulation.Experiments.Roles;
using Tributary.TestKit;
using Tributary.Transport;

namespace Tributary.EndToEnd.Streaming;

/// <summary>
/// A wire that breaks and processes that die, with 200 MiB each way. Without these somebody whose line fails once an hour never gets a large
/// model through, or gets one that is wrong.
/// </summary>
public sealed class FaultTests(FaultModel model) : IClassFixture<FaultModel>
{
    private const long MiB = 1 << 20;
    private const long PartBytes = PartLayout.PartBytesDefault;

    // Parts that are under way when a process dies; the site's connections are as many.
    private const long UnderWay = 4 * PartBytes;

    // Tasks, progress, descriptors and the heads of requests.
    private const long Talk = MiB;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_site_killed_while_it_receives_and_while_it_sends_goes_on_with_the_parts_that_are_there()
    {
        await using FaultyRun run = await FaultyRun.StartAsync(model, "fp32");
        Task receiving = run.Proxy.HoldAt(ProxyDirection.Down, 100 * MiB);
        await run.BeginAsync();
        await run.ReachAsync(receiving);
        await run.KillSiteAsync();

        // Then with all of the message there, and half of the result sent.
        Task sending = run.Proxy.HoldAt(ProxyDirection.Up, 100 * MiB);
        run.Proxy.LetGo(ProxyDirection.Down);
        run.StartSite();
        await run.ReachAsync(sending);
        await run.KillSiteAsync();
        run.Proxy.LetGo(ProxyDirection.Up);
        run.StartSite();

        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "fp32");
        run.TimesRead.ShouldBe(2, "a result is made again by a site that was killed while it sent it");
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + UnderWay + Talk);
        run.Proxy.Passed(ProxyDirection.Up).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + UnderWay + Talk);
    }

    [Fact]
    public async Task A_server_killed_while_it_sends_and_while_it_receives_goes_on_and_the_site_trains_once()
    {
        await using FaultyRun run = await FaultyRun.StartAsync(model, "fp32");
        Task sending = run.Proxy.HoldAt(ProxyDirection.Down, 100 * MiB);
        await run.BeginAsync();
        await run.ReachAsync(sending);
        await run.KillServerAsync();
        Task receiving = run.Proxy.HoldAt(ProxyDirection.Up, 100 * MiB);
        run.Proxy.LetGo(ProxyDirection.Down);
        run.StartServer();
        await run.ReachAsync(receiving);
        await run.KillServerAsync();
        run.Proxy.LetGo(ProxyDirection.Up);
        run.StartServer();

        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "fp32");
        run.TimesRead.ShouldBe(1);
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + UnderWay + Talk);
        run.Proxy.Passed(ProxyDirection.Up).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + UnderWay + Talk);
    }

    [Fact]
    public async Task Both_killed_on_the_way_there_and_on_the_way_back_go_on()
    {
        await using FaultyRun run = await FaultyRun.StartAsync(model, "fp32");
        await run.BeginAsync();
        foreach ((ProxyDirection direction, long position) in new[] { (ProxyDirection.Down, 60 * MiB), (ProxyDirection.Down, 150 * MiB), (ProxyDirection.Up, 60 * MiB), (ProxyDirection.Up, 150 * MiB) })
        {
            await run.ReachAsync(run.Proxy.HoldAt(direction, position));
            await run.KillSiteAsync();
            await run.KillServerAsync();
            run.Proxy.LetGo(direction);
            run.StartServer();
            run.StartSite();
        }

        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "fp32");
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + (2 * UnderWay) + Talk);
        run.Proxy.Passed(ProxyDirection.Up).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + (2 * UnderWay) + Talk);
    }

    [Fact]
    public async Task A_server_killed_while_it_encodes_makes_the_same_message_and_what_the_site_has_of_it_stays()
    {
        // It encodes without vector instructions, and only with the time that nobody else wants: however busy the machine is, whoever kills it
        // gets there before it is ready.
        var slow = new ProgramCommand("nice", ["-n", "19", "env", "DOTNET_EnableHWIntrinsic=0", StreamingModel.Program.File, .. StreamingModel.Program.Arguments]);
        await using FaultyRun run = await FaultyRun.StartAsync(model, "nf4", program: slow);
        Task sending = run.Proxy.HoldAt(ProxyDirection.Down, PartBytes + Talk);
        await run.BeginAsync();
        await run.ReachAsync(sending);
        await run.KillServerAsync();
        Path.GetExtension(Directory.GetFiles(run.MessageFolder).ShouldHaveSingleItem()).ShouldBe(".partial", "it was killed too late to be encoding still");
        run.Proxy.LetGo(ProxyDirection.Down);
        run.StartServer();

        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "nf4");
        run.TimesRead.ShouldBe(1);

        // No more is lost than had passed when it was killed.
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + PartBytes + (2 * Talk));
    }

    [Fact]
    public async Task Connections_that_are_cut_or_stall_or_slow_down_only_cost_time()
    {
        await using FaultyRun run = await FaultyRun.StartAsync(model, "fp32", new ProgressRule(1, TimeSpan.FromSeconds(4)));
        foreach (ProxyDirection direction in Enum.GetValues<ProxyDirection>())
        {
            run.Proxy.CutAt(direction, 20 * MiB);
            run.Proxy.SlowAt(direction, 50 * MiB, bytesPerSecond: 64 << 10, bytes: 128 << 10);
            run.Proxy.FreezeAt(direction, 90 * MiB);
            run.Proxy.CutAt(direction, 130 * MiB);
        }

        await run.BeginAsync();
        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "fp32");
        run.TimesRead.ShouldBe(1);

        // Two cuts and a silent death, each of one part.
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + (3 * PartBytes) + Talk);
        run.Proxy.Passed(ProxyDirection.Up).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + (3 * PartBytes) + Talk);
    }

    [Fact]
    public async Task A_flipped_byte_costs_its_part_alone_and_a_part_that_is_sent_twice_nothing()
    {
        await using FaultyRun run = await FaultyRun.StartAsync(model, "fp32");
        run.Proxy.FlipAt(ProxyDirection.Down, 100 * MiB);
        run.Proxy.FlipAt(ProxyDirection.Up, 100 * MiB);
        Func<IReadOnlyList<int>> answers = run.Proxy.Repeat("/parts/20");
        await run.BeginAsync();
        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "fp32");
        answers().ShouldBe([204, 204], "once while parts arrive, once when they are committed");
        run.TimesRead.ShouldBe(1);
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes + PartBytes, undisturbed.MessageBytes + PartBytes + Talk);
        run.Proxy.Passed(ProxyDirection.Up).ShouldBeInRange(undisturbed.MessageBytes + PartBytes, undisturbed.MessageBytes + PartBytes + Talk);
    }

    [Fact]
    public async Task A_transfer_below_its_least_rate_fails_and_says_how_far_it_came_and_another_site_process_goes_on_from_there()
    {
        await using FaultyRun run = await FaultyRun.StartAsync(model, "fp32", new ProgressRule(MiB, TimeSpan.FromSeconds(2)));
        Task receiving = run.Proxy.HoldAt(ProxyDirection.Down, 100 * MiB);
        await run.BeginAsync();
        await run.ReachAsync(receiving);
        run.Proxy.Throttle(ProxyDirection.Down, 64 << 10);
        run.Proxy.LetGo(ProxyDirection.Down);
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(() => run.Server.UntilAsync<JobDone>(static _ => { }, Cancelled));
        failed.Message.ShouldContain("site 'a' failed: The download of");
        failed.Message.ShouldContain("at least 1024.0 KiB are asked for");
        failed.Message.ShouldMatch(@"[0-9]+\.0 MiB of 200\.1 MiB were done; the same call goes on from there");

        run.Proxy.Throttle(ProxyDirection.Down, 0);
        await run.KillServerAsync();
        run.StartServer();
        Arrived undisturbed = await ShouldEndAsUndisturbedAsync(run, "fp32");
        run.Proxy.Passed(ProxyDirection.Down).ShouldBeInRange(undisturbed.MessageBytes, undisturbed.MessageBytes + UnderWay + Talk);
    }

    private async Task<Arrived> ShouldEndAsUndisturbedAsync(FaultyRun run, string precision)
    {
        Arrived arrived = await run.FinishAsync();
        arrived.ShouldBe(await model.UndisturbedAsync(precision));
        return arrived;
    }
}
