using System.Net;
using System.Net.Sockets;
using Tributary.Simulation.Reports;

namespace Tributary.Simulation.Tests.Reports;

public sealed class ReportInBrowserTests
{
    private static readonly string[] s_charts = ["loss-chart", "training-chart", "bytes-chart", "time-chart"];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(100, 50)]
    public async Task The_charts_are_drawn_from_a_file_without_an_error(int rounds, int sites)
    {
        using var report = new ReportFile(Run(rounds, sites));

        Browser.Page page = await Browser.OpenAsync(report.Path);

        page.Console.ShouldBeEmpty();
        page.Dom.ShouldContain("<html lang=\"en\" class=\"\">");
        foreach (string chart in s_charts)
        {
            Drawing(page, chart).ShouldContain("<path", Case.Sensitive, $"{chart} is empty");
        }
    }

    [Fact]
    public async Task A_job_whose_name_ends_a_script_is_text_and_its_charts_are_drawn()
    {
        using var report = new ReportFile(new SampleRun { Job = "</script><b>", SiteNames = ["</script><b>", "</b>"] }.Create());

        Browser.Page page = await Browser.OpenAsync(report.Path);

        page.Console.ShouldBeEmpty();
        page.Dom.ShouldContain("<h1>&lt;/script&gt;&lt;b&gt;</h1>");
        page.Dom.ShouldContain("<span>&lt;/script&gt;&lt;b&gt;</span></button>");
        foreach (string chart in s_charts)
        {
            Drawing(page, chart).ShouldContain("<path");
        }
    }

    [Fact]
    public async Task On_a_phone_the_page_does_not_scroll_sideways_whatever_the_names()
    {
        string name = new('x', 150);
        var run = new SampleRun { Rounds = 12, Job = name, ModelName = name, Folder = "/" + name, SiteNames = [name, name + "y", "c"] };
        using var report = new ReportFile(run.Create());

        // A window cannot be that narrow, a frame in one can.
        string phone = report.Beside("phone.html", """
            <!DOCTYPE html><title></title><script>addEventListener('message', message => { document.title = message.data; });</script>
            <iframe src="copy.html" style="width: 390px; height: 800px; border: 0"></iframe>
            """);
        report.With("""
            <script>
            const root = document.documentElement;
            parent.postMessage(`${innerWidth} ${root.scrollWidth <= root.clientWidth}`, '*');
            </script>
            """);

        Browser.Page page = await Browser.OpenAsync(phone);

        page.Console.ShouldBeEmpty();
        page.Title.ShouldBe("390 true");
    }

    [Fact]
    public async Task A_site_switched_off_in_the_legend_leaves_both_charts_of_losses()
    {
        using var report = new ReportFile(new SampleRun().Create());
        const string Script = """
            <script>
            const lines = id => echarts.getInstanceByDom(document.getElementById(id)).getOption().series.length;
            const count = () => `${lines('loss-chart')} ${lines('training-chart')}`;
            const before = count();
            const button = [...document.querySelectorAll('#site-legend button')].find(it => it.textContent === 'gsm8k');
            button.click();
            document.title = `${before} then ${count()} ${button.getAttribute('aria-pressed')}`;
            </script>
            """;

        Browser.Page page = await Browser.OpenAsync(report.With(Script));

        page.Console.ShouldBeEmpty();
        page.Title.ShouldBe("7 3 then 5 2 false");
    }

    [Fact]
    public async Task The_tooltips_name_the_figures_and_every_choice_of_site_can_be_drawn()
    {
        using var report = new ReportFile(new SampleRun { Rounds = 4, SitsOut = (round, site) => round == 2 && site == 0 }.Create());
        const string Script = """
            <script>
            const select = document.getElementById('time-site');
            for (const option of [...select.options].reverse()) { select.value = option.value; select.dispatchEvent(new Event('change')); }
            for (const id of ['loss-chart', 'training-chart', 'bytes-chart', 'time-chart']) {
              const chart = echarts.getInstanceByDom(document.getElementById(id));
              chart.dispatchAction({ type: 'showTip', seriesIndex: chart.getOption().series.length - 1, dataIndex: 0 });
            }
            document.title = [...document.querySelectorAll('.tip')].map(tip => tip.textContent).join('|');
            </script>
            """;

        Browser.Page page = await Browser.OpenAsync(report.With(Script));

        page.Console.ShouldBeEmpty();
        string[] tips = page.Title.Split('|');
        tips.Length.ShouldBe(4);
        tips[0].ShouldStartWith("Initial modelGlobal model3.900");
        tips[1].ShouldStartWith("Round 1dolly");
        tips[2].ShouldContain("456.3 KiB (14.9 % of fp32)");
        tips[3].ShouldStartWith("Round 1, self-instructThe whole round");
    }

    [Fact]
    public async Task The_browser_itself_keeps_the_page_from_the_network()
    {
        using var report = new ReportFile(new SampleRun { Rounds = 1 }.Create());
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/";

        Browser.Page page = await Browser.OpenAsync(report.With($"<img src=\"{url}\"><script>fetch('{url}').catch(() => {{}})</script>"));

        listener.Pending().ShouldBeFalse();
        page.Console.Count(line => line.Contains("Content Security Policy", StringComparison.Ordinal)).ShouldBeGreaterThanOrEqualTo(2);
    }

    [Fact]
    public async Task When_a_chart_fails_the_reader_is_told_and_keeps_the_tables()
    {
        using var report = new ReportFile(new SampleRun().Create());
        string broken = report.Beside("broken.html", report.Html.Replace("id=\"bytes-chart\"", "id=\"elsewhere\""));

        Browser.Page page = await Browser.OpenAsync(broken);

        page.Console.ShouldNotBeEmpty();
        page.Dom.ShouldContain("<html lang=\"en\" class=\"plain\">");
        page.Dom.ShouldContain("id=\"broken\" role=\"alert\">");
    }

    private static RunSummary Run(int rounds, int sites) =>
        new SampleRun { Rounds = rounds, SiteNames = [.. Enumerable.Range(1, sites).Select(site => $"site-{site:00}")] }.Create();

    // From the chart's element to the figure's end: the SVG that was drawn into it.
    private static string Drawing(Browser.Page page, string chart)
    {
        int at = page.Dom.IndexOf($"id=\"{chart}\"", StringComparison.Ordinal);
        string drawing = page.Dom[at..page.Dom.IndexOf("</figure>", at, StringComparison.Ordinal)];
        drawing.ShouldContain("<svg", Case.Sensitive, $"{chart} is not drawn");
        return drawing;
    }
}
