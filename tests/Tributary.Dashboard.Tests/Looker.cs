using Microsoft.Playwright;
using Tributary.Client;
using Tributary.Client.Dashboard;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;

namespace Tributary.Dashboard.Tests;

/// <summary>Somebody who looks at the dashboard: a forwarder with their kit, and a browser that has it open.</summary>
internal sealed class Looker : IAsyncDisposable
{
    public const int Desk = 1280;
    public const int Phone = 390;

    private readonly Kit _kit;
    private readonly HttpClient _connection;
    private readonly DashboardForwarder _forwarder;
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];
    private readonly List<string> _asked = [];

    private Looker(Kit kit, HttpClient connection, DashboardForwarder forwarder, IBrowserContext context, IPage page)
    {
        _kit = kit;
        _connection = connection;
        _forwarder = forwarder;
        _context = context;
        Page = page;
    }

    public IPage Page { get; }

    /// <summary>What the console told as an error, violations of the page's policy among it, and errors of scripts.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>Every address that the page has asked for.</summary>
    public IReadOnlyList<string> Asked => _asked;

    public Uri Address => _forwarder.Address;

    public ILocator State => Page.Locator("#job-state");

    /// <param name="chromium">The browser.</param>
    /// <param name="server">The server.</param>
    /// <param name="party">Who looks.</param>
    /// <param name="width">The window's width.</param>
    /// <param name="scheme">Light or dark.</param>
    public static async Task<Looker> OpenAsync(Chromium chromium, SecureServer server, string party = "admin/alice", int width = Desk, ColorScheme scheme = ColorScheme.Light)
    {
        IBrowser browser = chromium.Browser;
        Kit kit = server.Project.Open(party, TimeProvider.System);
        HttpClient connection = new AdminFile(server.Address, null).Connect(kit, isInsecure: false);
        DashboardForwarder forwarder = await DashboardForwarder.StartAsync(connection, port: 0, TestContext.Current.CancellationToken);
        IBrowserContext context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = width == Desk ? 900 : 844 },
            ColorScheme = scheme,
            HasTouch = width < 600,
            DeviceScaleFactor = 1,
        });
        context.SetDefaultTimeout(90_000);
        IPage page = await context.NewPageAsync();
        var looker = new Looker(kit, connection, forwarder, context, page);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                looker._errors.Add(message.Text);
            }
        };
        page.PageError += (_, error) => looker._errors.Add(error);
        page.Request += (_, request) => looker._asked.Add(request.Url);
        await page.GotoAsync(forwarder.Address.AbsoluteUri);
        return looker;
    }

    /// <summary>Goes to a job's view.</summary>
    public async Task ShowJobAsync(string job)
    {
        await Page.GotoAsync($"{Address}#/jobs/{job}");
        await Assertions.Expect(Page.Locator("#job-name")).ToHaveTextAsync(job);
        await Assertions.Expect(State).Not.ToBeEmptyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        await _forwarder.DisposeAsync();
        _connection.Dispose();
        _kit.Dispose();
    }
}
