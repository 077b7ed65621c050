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
        routes.MapUpload(Pattern, handlers, context => ValueTask.FromResult(queue.Models.Find(Digest(context))), (context, made, _) => Arrived(context, queue, made))
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

    /// <summary>What is not the model that was signed is not kept: whoever sent it can begin again.</summary>
    private static ValueTask Arrived(HttpContext context, JobQueue queue, ObjectDescriptor made)
    {
        string digest = Digest(context);
        if (made.Digest != digest)
        {
            queue.Models.Drop(digest);
            throw new OtherModelException($"What was uploaded as model {digest} is {made.Digest}. It was not kept.");
        }

        queue.Audit.Add(context.Party().ToString(), "model-uploaded", string.Empty, digest);
        queue.ModelArrived(digest);
        return ValueTask.CompletedTask;
    }

    private static string Digest(HttpContext context) => ((string)context.Request.RouteValues["digest"]!).Replace('-', ':');

    private sealed class OtherModelException(string message) : Exception(message);
}
