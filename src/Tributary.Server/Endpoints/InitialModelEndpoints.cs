using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tributary.Federation.Wire;
using Tributary.Server.Identity;
using Tributary.Server.Queue;
using Tributary.Transport;

namespace Tributary.Server.Endpoints;

/// <summary>The models that jobs start from, uploaded in parts under their digest. One that no job waits for is not taken.</summary>
internal static class InitialModelEndpoints
{
    private const string Pattern = "v1/models/{digest}";

    public static void Map(IEndpointRouteBuilder routes, JobQueue queue, ServerOptions options, TimeProvider time)
    {
        var handlers = new UploadHandlers(new ServingOptions(), time, routes.ServiceProvider.GetRequiredService<ILogger<UploadHandlers>>());
        routes.MapPost(Pattern, context => BeginAsync(context, queue, options, handlers)).WithSummary("Begin to upload the model that a submitted job waits for").WithDocuments(WireJson.Default.UploadDocument);
        routes.MapUpload(Pattern, handlers, context => ValueTask.FromResult(queue.Models.Find(Digest(context))), (context, upload, claimed) => Require(context, queue, upload, claimed), (context, _, _) => Arrived(context, queue))
            .WithSummary("The upload of a model in parts: its state, a part, the commit");
    }

    /// <summary>Answers where what was uploaded is not what was signed; before the endpoints.</summary>
    public static void Use(IApplicationBuilder application) => application.Use(async (context, next) =>
    {
        try
        {
            await next(context);
        }
        catch (OtherModelException e)
        {
            await Problem.WriteAsync(context, StatusCodes.Status422UnprocessableEntity, "another model", e.Message);
        }
    });

    private static async Task BeginAsync(HttpContext context, JobQueue queue, ServerOptions options, UploadHandlers handlers)
    {
        string digest = Digest(context);
        if (!queue.Submissions.All().Any(job => job.Statement.Model.Digest == digest && job.State == JobState.AwaitingModel))
        {
            await Problem.WriteAsync(context, StatusCodes.Status404NotFound, "no job waits for this model", $"No job that was submitted waits for model {digest}. Submit the job first.");
            return;
        }

        if (await handlers.ReadLayoutAsync(context, options.ModelBytesMax) is not { } layout)
        {
            return;
        }

        try
        {
            await handlers.DescribeAsync(context, await queue.Models.BeginAsync(digest, layout, context.RequestAborted));
        }
        catch (DiskFullException e)
        {
            await Problem.DiskFullAsync(context, e);
        }
    }

    /// <summary>
    /// What is not the model that was signed never stands under its digest, and is not kept: whoever sent it can begin again. Before the file has its name, so that a server that is killed in between leaves nothing to be
    /// taken for it.
    /// </summary>
    private static void Require(HttpContext context, JobQueue queue, ObjectUpload upload, ObjectDescriptor claimed)
    {
        string digest = Digest(context);
        if (claimed.Digest == digest)
        {
            return;
        }

        if (upload.Committed is null)
        {
            queue.Models.Drop(digest);
        }

        throw new OtherModelException($"What was uploaded as model {digest} is {claimed.Digest}. It was not kept.");
    }

    private static ValueTask Arrived(HttpContext context, JobQueue queue)
    {
        string digest = Digest(context);
        queue.Audit.Add(context.Party().ToString(), "model-uploaded", string.Empty, digest);
        queue.ModelArrived(digest);
        return ValueTask.CompletedTask;
    }

    private static string Digest(HttpContext context) => ((string)context.Request.RouteValues["digest"]!).Replace('-', ':');

    private sealed class OtherModelException(string message) : Exception(message);
}
