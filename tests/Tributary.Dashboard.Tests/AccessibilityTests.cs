using System.Text.Json;
using Microsoft.Playwright;
using Tributary.Federation.Tasks;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;
using static Microsoft.Playwright.Assertions;

namespace Tributary.Dashboard.Tests;

/// <summary>The dashboard on a phone, in the dark, by keyboard and by ear.</summary>
public sealed class AccessibilityTests(Chromium chromium)
{
    private static readonly string Checks = File.ReadAllText(Path.Combine(Repository.Root, "tests", "Tributary.Dashboard.Tests", "checks.js"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Looker.Desk, ColorScheme.Light)]
    [InlineData(Looker.Desk, ColorScheme.Dark)]
    [InlineData(Looker.Phone, ColorScheme.Light)]
    [InlineData(Looker.Phone, ColorScheme.Dark)]
    public async Task Every_view_fits_its_screen_and_can_be_read(int width, ColorScheme scheme)
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor();
        await using RunningAgent a = server.Agent("a", stepping);
        await using RunningAgent b = server.Agent("b", new AddingExecutor(3, 1) { Before = FailWhenWrong });
        await server.Admin().SubmitAsync(Models.Job("running", "a", "b"), "eighths", initial, progress: null, Cancel);
        await server.Admin().SubmitAsync(Models.Job($"wrong-{new string('y', 50)}", "b"), "eighths", initial, progress: null, Cancel);
        await server.Admin().SubmitAsync(Models.Job("wrong", "b"), "eighths", initial, progress: null, Cancel);
        await server.EndOfAsync("wrong");
        await server.EndOfAsync($"wrong-{new string('y', 50)}");
        await using Looker looker = await Looker.OpenAsync(chromium, server, width: width, scheme: scheme);
        await Expect(looker.Page.Locator("#jobs tr")).ToHaveCountAsync(3);
        await RequireReadableAsync(looker, "the list of jobs");
        await looker.ShowJobAsync("running");
        await Expect(looker.Page.Locator("#parts tr[data-key=a]")).ToContainTextAsync("training");
        await Expect(looker.Page.Locator("#loss-chart canvas")).ToBeVisibleAsync();
        await looker.Page.Locator("summary").ClickAsync();
        await RequireReadableAsync(looker, "a running job");
        await looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "End job …" }).ClickAsync();
        await RequireReadableAsync(looker, "the question");
        await looker.Page.Keyboard.PressAsync("Escape");
        await looker.ShowJobAsync("wrong");
        await Expect(looker.State).ToHaveTextAsync("failed");
        await RequireReadableAsync(looker, "a failed job");
        stepping.Go();
        await looker.ShowJobAsync("running");
        await Expect(looker.State).ToHaveTextAsync("finished");
        await RequireReadableAsync(looker, "a finished job");
        await looker.Page.GotoAsync($"{looker.Address}#/sites");
        await Expect(looker.Page.Locator("#sites tr")).ToHaveCountAsync(2);
        await RequireReadableAsync(looker, "the sites");
        looker.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_keyboard_reaches_everything_in_order_and_shows_where_it_is()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor();
        await using RunningAgent a = server.Agent("a", stepping);
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), "eighths", initial, progress: null, Cancel);
        await server.UntilAsync("demo", now => now.Line.Round == 2);
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await Expect(looker.Page.Locator("#jobs tr")).ToHaveCountAsync(1);
        (await TabAsync(looker)).ShouldBe("Skip to the content");
        await looker.Page.Keyboard.PressAsync("Enter");
        (await looker.Page.EvaluateAsync<string>("document.activeElement.id")).ShouldBe("content");
        (await TabAsync(looker)).ShouldBe("demo");
        await looker.Page.Keyboard.PressAsync("Enter");
        await Expect(looker.Page.Locator("#loss-chart canvas")).ToBeVisibleAsync();

        // A new view begins at its heading, from where the next stop is its first control.
        (await looker.Page.EvaluateAsync<string>("document.activeElement.id")).ShouldBe("job-name");
        foreach (string stop in new[] { "End job …", "Global model", "a", "The figures of this chart" })
        {
            (await TabAsync(looker)).ShouldBe(stop);
        }

        ILocator end = looker.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "End job …" });
        await end.FocusAsync();
        await looker.Page.Keyboard.PressAsync("Enter");
        (await looker.Page.EvaluateAsync<string>("document.activeElement.textContent")).ShouldBe("Let it go on");
        (await TabAsync(looker)).ShouldBe("End the job");
        await looker.Page.Keyboard.PressAsync("Escape");
        await Expect(end).ToBeFocusedAsync();
        stepping.Go();
        await Expect(looker.State).ToHaveTextAsync("finished");
    }

    [Fact]
    public async Task What_happens_is_said_to_those_who_cannot_see_it()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        var stepping = new SteppingExecutor { GatedRound = 3 };
        await using RunningAgent a = server.Agent("a", stepping);
        await server.Admin().SubmitAsync(Models.Job("demo", "a"), "eighths", initial, progress: null, Cancel);
        await server.UntilAsync("demo", now => now.Line.Round == 3);
        await using Looker looker = await Looker.OpenAsync(chromium, server);
        await looker.ShowJobAsync("demo");
        await Expect(looker.Page.Locator("#parts tr[data-key=a]")).ToContainTextAsync("training");
        ILocator said = looker.Page.Locator("#said[role=status]");
        await Expect(said).ToBeEmptyAsync();
        stepping.Go();
        await Expect(said).ToContainTextAsync("Job demo, finished");

        // The table is one for a screen reader on a phone too, where its rows look like cards.
        await looker.Page.SetViewportSizeAsync(Looker.Phone, 844);
        await Expect(looker.Page.GetByRole(AriaRole.Rowheader, new PageGetByRoleOptions { Name = "a" })).ToBeVisibleAsync();
        await Expect(looker.Page.GetByRole(AriaRole.Img, new PageGetByRoleOptions { Name = "Line chart of the held-out loss over 3 rounds" })).ToBeVisibleAsync();
    }

    private static Task FailWhenWrong(TaskData task, CancellationToken cancellationToken) =>
        task.Job.Name.StartsWith("wrong", StringComparison.Ordinal) ? throw new TaskFailedException($"no records: {new string('x', 200)}") : Task.CompletedTask;

    /// <summary>Presses Tab, requires that one sees where the focus is now, and says what has it.</summary>
    private static async Task<string> TabAsync(Looker looker)
    {
        await looker.Page.Keyboard.PressAsync("Tab");
        JsonElement focus = await looker.Page.EvaluateAsync<JsonElement>("""
            () => {
              const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
              return { name: it.textContent.trim(), outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, inside: box.top >= 0 && box.left >= 0 && box.width > 0 };
            }
            """);
        string name = focus.GetProperty("name").GetString()!;
        focus.GetProperty("outline").GetBoolean().ShouldBeTrue(name);
        focus.GetProperty("inside").GetBoolean().ShouldBeTrue(name);
        return name;
    }

    private static async Task RequireReadableAsync(Looker looker, string view)
    {
        await looker.Page.EvaluateAsync("document.fonts.ready");
        string[] problems = await looker.Page.EvaluateAsync<string[]>(Checks);
        problems.ShouldBeEmpty(view);
    }
}
