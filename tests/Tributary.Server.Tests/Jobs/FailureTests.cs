using System.Net;
using System.Net.Sockets;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Federation.Workflows;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Jobs;

public sealed class FailureTests
{
    private static readonly Func<TaskData, CancellationToken, Task> FullDisk =
        static (task, _) => task.Round == 2 ? throw new TaskFailedException("the disk is full; make room and start again") : Task.CompletedTask;

    [Fact]
    public async Task A_site_that_cannot_do_its_task_ends_the_job_with_site_round_and_reason()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using RunningAgent b = server.Agent("b", new AddingExecutor(1, 1) { Before = FullDisk });
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job("failing", "a", "b"), initial).Job);
        failed.Message.ShouldBe("round 2 (train): site 'b' failed: the disk is full; make room and start again");
    }

    [Fact]
    public async Task A_failure_that_may_pass_is_tried_again_and_the_other_sites_do_nothing_twice()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        int failures = 0;
        var steady = new AddingExecutor(1, 1);
        var shaky = new AddingExecutor(1, 1)
        {
            Before = (task, _) => task.Round == 2 && failures++ < 2 ? throw new TaskFailedException("killed by signal 9") { IsTransient = true } : Task.CompletedTask,
        };
        await using RunningAgent a = server.Agent("a", steady);
        await using RunningAgent b = server.Agent("b", shaky);
        JobRecord record = await server.Run(Models.Job("shaky", "a", "b") with { TaskRetries = 2 }, initial).Job;
        record.Results.Where(result => result.Round == 2).Select(result => (result.Site, result.Attempt)).ShouldBe([("a", 1), ("b", 3)]);
        steady.Done.ShouldBe(["train 1", "train 2", "train 3", "evaluate 4"]);
        shaky.Done.ShouldBe(["train 1", "train 2", "train 2", "train 2", "train 3", "evaluate 4"]);
    }

    [Fact]
    public async Task A_site_that_may_not_try_again_ends_the_job_with_its_last_reason()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        int failures = 0;
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1)
        {
            Before = (_, _) => throw new TaskFailedException($"killed, the {++failures}. time") { IsTransient = true },
        });
        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job("shaky", "a") with { TaskRetries = 1 }, initial).Job);
        failed.Message.ShouldBe("round 1 (train): site 'a' failed: killed, the 2. time (in 2 attempts)");
    }

    [Fact]
    public async Task Agents_that_fail_at_the_same_time_stay_ready_for_the_next_job()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1) { Before = FullDisk });
        await using RunningAgent b = server.Agent("b", new AddingExecutor(1, 1) { Before = FullDisk });
        for (int i = 0; i < 5; i++)
        {
            await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job($"failing-{i}", "a", "b"), initial).Job);
        }

        (await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job("last", "a", "b"), initial).Job)).Message.ShouldContain("the disk is full");
        a.Ended.IsCompleted.ShouldBeFalse();
        b.Ended.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_job_that_failed_goes_on_where_it_was_when_it_is_run_again()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        int failures = 0;
        var executor = new AddingExecutor(1, 1)
        {
            Before = (task, _) => task.Round == 2 && failures++ == 0 ? throw new TaskFailedException("once") : Task.CompletedTask,
        };
        await using RunningAgent a = server.Agent("a", executor);
        await Should.ThrowAsync<JobFailedException>(server.Run(Models.Job("again", "a"), initial).Job);
        await server.Run(Models.Job("again", "a"), initial).Job;
        executor.Done.ShouldBe(["train 1", "train 2", "train 2", "train 3", "evaluate 4"]);
    }

    [Fact]
    public async Task A_site_that_says_nothing_is_named_as_gone_after_the_timeout()
    {
        var time = new ManualTime();
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync(time);
        Job job = Models.Job("silent", "a", "b") with { SiteTimeout = TimeSpan.FromSeconds(50) };
        Task<JobRecord> running = await server.OpenAsync(job, initial);
        for (int i = 0; i < 11; i++)
        {
            await time.UntilTimerAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
            running.IsCompleted.ShouldBeFalse();
            if (i < 5)
            {
                using ManualSite a = server.Site("a");
                await a.TakeAsync();
            }

            time.Advance(TimeSpan.FromSeconds(5));
        }

        JobFailedException failed = await Should.ThrowAsync<JobFailedException>(running);
        failed.Message.ShouldBe("round 1 (train): site 'b' is gone: nothing was heard of it for 50 s while waiting");
    }

    [Fact]
    public async Task A_port_that_is_in_use_is_said_with_its_number()
    {
        using var folder = new TempFolder();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var options = new ServerOptions { Folder = folder["server"], Port = port, SiteByToken = new Dictionary<string, string>() };
        IOException e = await Should.ThrowAsync<IOException>(
            TributaryServer.StartAsync(options, TimeProvider.System, static _ => { }, TestContext.Current.CancellationToken));
        e.Message.ShouldBe($"port {port} is in use; choose another one, or 0 for any that is free");
    }

    [Fact]
    public async Task A_job_of_the_same_name_with_other_settings_is_refused_also_after_a_restart()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        await server.RestartAsync(running);
        Job other = Models.Job("demo", "a") with { Rounds = 4 };
        (await Should.ThrowAsync<InvalidOperationException>(server.Run(other, initial).Job)).Message
            .ShouldBe("a job named 'demo' with other settings is in this folder already; give this one another name or folder");
    }

    [Fact]
    public async Task A_job_that_is_running_is_not_started_twice_and_goes_on_undisturbed()
    {
        using MemorySource initial = Models.Eighths();
        await using TestServer server = await TestServer.StartAsync();
        Task<JobRecord> running = await server.OpenAsync(Models.Job("demo", "a"), initial);
        (await Should.ThrowAsync<InvalidOperationException>(server.Run(Models.Job("demo", "a"), initial).Job)).Message.ShouldBe("job 'demo' is running already");
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        (await running).Models.Count.ShouldBe(4);
    }
}
