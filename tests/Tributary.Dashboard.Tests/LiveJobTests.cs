using Microsoft.Playwright;
using Tributary.Client;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;
using static Microsoft.Playwright.Assertions;

namespace Tributary.Dashboard.Tests;

/// <summary>The dashboard of a real server with real sites, in a real browser: what somebody who looks at it relies on.</summary>
public sealed class LiveJobTests(Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_running_job_is_seen_to_train_and_to_finish_without_a_reload()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor();
        await using RunningAgent a = server.Agent("a", stepping);
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1));
        await using Looker looker = await Looker.OpenAsync(chromium, server, "viewer/bob");
        await Expect(looker.Page.Locator("#no-jobs")).ToContainTextAsync("There are no jobs yet");
        await server.Admin().SubmitAsync(Models.Job("demo", "a", "b"), "eighths", initial, progress: null, Cancel);

        ILocator row = looker.Page.Locator("#jobs tr");
        await Expect(row).ToContainTextAsync("running");
        await Expect(row).ToContainTextAsync("admin/alice");
        await looker.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "demo" }).ClickAsync();
        ILocator site = looker.Page.Locator("#parts tr[data-key=a]");
        await Expect(site).ToContainTextAsync("training");
        await Expect(site).ToContainTextAsync("41.0 %");
        await Expect(site).ToContainTextAsync("1.250");
        await Expect(site).ToContainTextAsync("4100 tokens/s");
        await Expect(site.Locator("progress")).ToHaveJSPropertyAsync("value", 41);
        await Expect(looker.Page.Locator("#parts tr[data-key=b]")).ToContainTextAsync("done");
        await Expect(looker.Page.Locator("#job-doing")).ToContainTextAsync("round 2 of 3");
        await Expect(looker.Page.Locator("#loss-chart[aria-label*='in round 0'] canvas")).ToBeVisibleAsync();

        stepping.Go();
        await Expect(looker.State).ToHaveTextAsync("finished");
        await Expect(looker.Page.Locator("#events li").First).ToContainTextAsync("finished");
        await Expect(looker.Page.Locator("#job-doing")).ToContainTextAsync("round 3 of 3");
        await Expect(looker.Page.Locator("#loss-rows tr")).ToHaveCountAsync(4);
        await Expect(looker.Page.Locator("#job-cards")).ToContainTextAsync("Saved against fp32");
        (await looker.Page.EvaluateAsync<int>("echarts.getInstanceByDom(document.getElementById('loss-chart')).getOption().series.length")).ShouldBe(3);

        // Nothing of it came from elsewhere, and nothing was against the page's own policy.
        looker.Errors.ShouldBeEmpty();
        looker.Asked.ShouldAllBe(address => address.StartsWith(looker.Address.AbsoluteUri, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_administrator_ends_a_job_and_resumes_it_after_being_asked()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor();
        await using RunningAgent a = server.Agent("a", stepping);
        JobClient admin = server.Admin();
        await admin.SubmitAsync(Models.Job("demo", "a"), "eighths", initial, progress: null, Cancel);
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await looker.ShowJobAsync("demo");
        ILocator end = looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "End job …" });
        await end.ClickAsync();
        await Expect(looker.Page.GetByRole(AriaRole.Dialog, new PageGetByRoleOptions { Name = "End job demo?" })).ToBeVisibleAsync();
        await looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Let it go on" }).ClickAsync();
        await Expect(looker.State).ToHaveTextAsync("running");

        await end.ClickAsync();
        await looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "End the job" }).ClickAsync();
        await Expect(looker.State).ToHaveTextAsync("ended");
        await Expect(looker.Page.Locator("#job-reason")).ToHaveTextAsync("ended by admin/alice");

        // Somebody else is faster: the server's words are in the dialog.
        await looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Resume job …" }).ClickAsync();
        stepping.Go();
        await admin.ResumeAsync("demo", Cancel);
        await server.EndOfAsync("demo");
        await looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Resume the job" }).ClickAsync();
        await Expect(looker.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("only a job that failed or was ended can be resumed");
        await looker.Page.Keyboard.PressAsync("Escape");
        await Expect(looker.State).ToHaveTextAsync("finished");
        await Expect(looker.Page.Locator("#job-buttons button")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_viewer_sees_no_way_to_change_anything()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor();
        await using RunningAgent a = server.Agent("a", stepping);
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), "eighths", initial, progress: null, Cancel);
        await using Looker looker = await Looker.OpenAsync(chromium, server, "viewer/bob");
        await Expect(looker.Page.Locator("#who")).ToHaveTextAsync("viewer/bob");
        await looker.ShowJobAsync("demo");
        await Expect(looker.State).ToHaveTextAsync("running");
        await Expect(looker.Page.Locator("#job-buttons button")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task What_a_site_or_submitter_writes_is_shown_as_text_and_never_run()
    {
        const string Evil = "<script>window.taken = 1</script><img src=x onerror='window.taken = 1'>";
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor { Failure = Evil };
        await using RunningAgent a = server.Agent("a", stepping);
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), Evil, initial, progress: null, Cancel);
        await looker.ShowJobAsync("demo");
        stepping.Go();
        await Expect(looker.State).ToHaveTextAsync("failed");
        foreach (string place in new[] { "#job-reason", "#events li:first-child", "#job-facts", "#said" })
        {
            await Expect(looker.Page.Locator(place)).ToContainTextAsync(Evil);
        }

        await looker.Page.GotoAsync($"{looker.Address}#/");
        await Expect(looker.Page.Locator("#jobs tr")).ToContainTextAsync(Evil);
        (await looker.Page.EvaluateAsync<bool>("window.taken === undefined && !document.querySelector('main script, main img, #said *')")).ShouldBeTrue();
        looker.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_that_goes_away_is_said_and_found_again()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), "eighths", initial, progress: null, Cancel);
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await looker.ShowJobAsync("demo");
        await Expect(looker.Page.Locator("#away")).ToBeHiddenAsync();
        await server.Server.DisposeAsync();
        await Expect(looker.Page.Locator("#away")).ToContainTextAsync("The server is out of reach");
        await Expect(looker.Page.Locator("#away")).ToContainTextAsync("it is asked again every");
        await server.RestartAsync();
        await looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Try now" }).ClickAsync();
        await Expect(looker.Page.Locator("#away")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task A_page_that_nobody_sees_asks_nothing()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await looker.Page.Clock.InstallAsync();
        await looker.Page.ReloadAsync();
        await Expect(looker.Page.Locator("#no-jobs")).ToContainTextAsync("There are no jobs yet");
        await looker.Page.EvaluateAsync("Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))");
        int asked = looker.Asked.Count;
        await looker.Page.Clock.RunForAsync(600_000);
        looker.Asked.Count.ShouldBe(asked);
        await looker.Page.RunAndWaitForRequestAsync(
            () => looker.Page.EvaluateAsync("Object.defineProperty(document, 'hidden', { value: false, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))"),
            request => request.Url.EndsWith("v1/jobs", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_job_that_is_not_there_is_said_with_a_way_back()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await looker.Page.GotoAsync($"{looker.Address}#/jobs/nothing");
        await Expect(looker.Page.Locator("main")).ToContainTextAsync("There is no job 'nothing' at this server");
        await looker.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "All jobs" }).ClickAsync();
        await Expect(looker.Page.Locator("#no-jobs")).ToContainTextAsync("There are no jobs yet");
    }

    [Fact]
    public async Task The_sites_that_are_connected_are_listed()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using RunningAgent a = server.Agent("a", new AddingExecutor(1, 1));
        await using Looker looker = await Looker.OpenAsync(chromium, server, "viewer/bob");
        await looker.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Sites" }).ClickAsync();
        await Expect(looker.Page.Locator("#sites tr")).ToContainTextAsync("connected");
        await Expect(looker.Page.Locator("#sites-note")).ToContainTextAsync("1 of 1 site connected");
    }
}
