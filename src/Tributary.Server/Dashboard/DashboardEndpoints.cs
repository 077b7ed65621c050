using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Endpoints;
using Tributary.Server.Identity;

namespace Tributary.Server.Dashboard;

/// <summary>The dashboard: one page with its style, scripts and icon, which asks the interface for administrators and viewers for everything else.</summary>
internal static class DashboardEndpoints
{
    private static readonly string[] Styles = ["theme.css", "dashboard.css"];

    // One script, in this order: what a file uses of others stands before it.
    private static readonly string[] Scripts = ["numbers.js", "drawing.js", "elements.js", "server.js", "jobs.js", "losses.js", "events.js", "ending.js", "job.js", "sites.js", "dashboard.js"];

    private static readonly Lazy<DashboardAsset> Page = new(() => new DashboardAsset("text/html; charset=utf-8", PageAssets.Read("dashboard.html")));

    private static readonly Dictionary<string, Lazy<DashboardAsset>> Assets = new(StringComparer.Ordinal)
    {
        ["dashboard.css"] = new(() => new DashboardAsset("text/css; charset=utf-8", string.Join('\n', Styles.Select(PageAssets.Read)))),
        ["dashboard.js"] = new(() => new DashboardAsset("text/javascript; charset=utf-8", $"(() => {{\n'use strict';\n{string.Join('\n', Scripts.Select(PageAssets.Read))}}})();\n")),
        ["echarts.js"] = new(() => new DashboardAsset("text/javascript; charset=utf-8", PageAssets.ECharts())),
        ["icon.svg"] = new(() => new DashboardAsset("image/svg+xml", PageAssets.Read("icon.svg"))),
    };

    public static void Map(IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder all = routes.MapGroup(string.Empty).ForRoles(PartyRole.Admin, PartyRole.Viewer);
        all.MapGet("/", context => Page.Value.WriteAsync(context)).WithSummary("The dashboard, for a browser");
        all.MapGet("assets/{name}", AssetAsync).WithSummary("A file of the dashboard");
        all.MapGet(JobRoutes.Me, context => context.Response.WriteAsJsonAsync(
            new PartyDocument(Party.Word(context.Party().Role), context.Party().Name), JobJson.Default.PartyDocument)).WithSummary("Who asks").WithDocuments(gives: JobJson.Default.PartyDocument);
    }

    private static Task AssetAsync(HttpContext context)
    {
        string name = (string)context.Request.RouteValues["name"]!;
        return Assets.TryGetValue(name, out Lazy<DashboardAsset>? asset)
            ? asset.Value.WriteAsync(context)
            : Problem.WriteAsync(context, StatusCodes.Status404NotFound, "no such file", $"The dashboard has no file '{name}'.");
    }
}
