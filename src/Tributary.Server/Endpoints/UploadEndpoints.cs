using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tributary.Federation.Wire;
using Tributary.Server.Identity;
using Tributary.Server.Jobs;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>
/// The uploads of a job's open step. Each belongs to the site that asks, and to the newest attempt that began one; their files lie in the
/// spool, under names that the server makes.
/// </summary>
internal static class UploadEndpoints
{
    private const string Pattern = TaskEndpoints.StepPattern + "/uploads/{attempt:int}";

    public static void Map(IEndpointRouteBuilder routes, TributaryServer server, TimeProvider time)
    {
        var handlers = new UploadHandlers(new ServingOptions(), time, routes.ServiceProvider.GetRequiredService<ILogger<UploadHandlers>>());
        routes.MapPost(Pattern, context => BeginAsync(context, server, handlers)).WithSummary("Begin to upload the message of a result").WithDocuments(WireJson.Default.UploadDocument);
        routes.MapUpload(Pattern, handlers, context => ValueTask.FromResult(Find(context, server))).WithSummary("The upload of a result's message in parts: its state, a part, the commit");
    }

    private static async Task BeginAsync(HttpContext context, TributaryServer server, UploadHandlers handlers)
    {
        if (TaskEndpoints.FindStep(context, server) is not var (_, open))
        {
            await Problem.StepNotOpenAsync(context, server);
            return;
        }

        int attempt = Attempt(context);
        if (attempt < 1 || attempt > open.Attempts(context.Site()))
        {
            await Problem.WriteAsync(context, StatusCodes.Status404NotFound, "no such attempt", $"Attempt {attempt} was not handed to site '{context.Site()}'.");
            return;
        }

        if (await handlers.ReadLayoutAsync(context, Math.Min(server.Options.MessageBytesMax, open.ResultBytesMax)) is not { } layout)
        {
            return;
        }

        string site = context.Site();
        ObjectUpload? upload = await open.UploadOf(site).BeginAsync(attempt, layout, () => open.State.Needs(site), context.RequestAborted);
        await (upload is null ? Problem.StepNotOpenAsync(context, server) : handlers.DescribeAsync(context, upload));
    }

    private static ObjectUpload? Find(HttpContext context, TributaryServer server)
    {
        if (TaskEndpoints.FindStep(context, server) is not var (_, open))
        {
            return null;
        }

        open.State.Heard(context.Site());
        return open.UploadOf(context.Site()).Find(Attempt(context));
    }

    private static int Attempt(HttpContext context) => int.Parse((string)context.Request.RouteValues["attempt"]!, CultureInfo.InvariantCulture);
}
