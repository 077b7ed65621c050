using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Tributary.Transport;

/// <summary>Maps the addresses of objects and uploads to their handlers. The group that is returned takes the caller's policies.</summary>
public static class TransportRoutes
{
    /// <summary>
    /// Maps <c>GET, HEAD {pattern}</c> to the object's bytes and <c>GET {pattern}/descriptor</c> to its descriptor.
    /// </summary>
    /// <param name="endpoints">Where to map.</param>
    /// <param name="pattern">The address of one object, for instance <c>/objects/{id}</c>.</param>
    /// <param name="handlers">The handlers.</param>
    /// <param name="find">Finds the object that a request means; null is answered with 404.</param>
    public static RouteGroupBuilder MapObject(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        ObjectHandlers handlers,
        Func<HttpContext, ValueTask<ServedObject?>> find)
    {
        RouteGroupBuilder group = endpoints.MapGroup(pattern);
        group.MapMethods("", [HttpMethods.Get, HttpMethods.Head], async context =>
        {
            if (await find(context) is { } served)
            {
                await handlers.SendAsync(context, served);
                return;
            }

            await NotFound(ProblemTypes.ObjectNotFound, "object", context);
        });
        group.MapMethods("/descriptor", [HttpMethods.Get, HttpMethods.Head], async context =>
        {
            if (await find(context) is { } served)
            {
                await handlers.DescribeAsync(context, served);
                return;
            }

            await NotFound(ProblemTypes.ObjectNotFound, "object", context);
        });
        return group;
    }

    /// <summary>
    /// Maps <c>GET {pattern}</c> to the upload's state, <c>PUT {pattern}/parts/{part}</c> to a part and <c>POST {pattern}/commit</c> to the
    /// commit.
    /// </summary>
    /// <param name="endpoints">Where to map.</param>
    /// <param name="pattern">The address of one upload, for instance <c>/uploads/{id}</c>.</param>
    /// <param name="handlers">The handlers.</param>
    /// <param name="find">Finds the upload that a request means, among those of whoever asks; null is answered with 404.</param>
    /// <param name="committing">See <see cref="UploadHandlers.CommitAsync"/>.</param>
    /// <param name="committed">See <see cref="UploadHandlers.CommitAsync"/>.</param>
    public static RouteGroupBuilder MapUpload(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        UploadHandlers handlers,
        Func<HttpContext, ValueTask<ObjectUpload?>> find,
        Action<HttpContext, ObjectUpload, ObjectDescriptor>? committing = null,
        Func<HttpContext, ObjectDescriptor, CancellationToken, ValueTask>? committed = null)
    {
        RouteGroupBuilder group = endpoints.MapGroup(pattern);
        group.MapGet("", context => WithUpload(context, find, upload => handlers.DescribeAsync(context, upload)));
        group.MapPut("/parts/{part}", context => WithUpload(
            context, find, upload => handlers.PutPartAsync(context, upload, context.GetRouteValue("part") as string)));
        group.MapPost("/commit", context => WithUpload(context, find, upload => handlers.CommitAsync(
            context, upload, committing is null ? null : claimed => committing(context, upload, claimed), committed is null ? null : (descriptor, token) => committed(context, descriptor, token))));
        return group;
    }

    private static async Task WithUpload(
        HttpContext context, Func<HttpContext, ValueTask<ObjectUpload?>> find, Func<ObjectUpload, Task> handle)
    {
        if (await find(context) is { } upload)
        {
            await handle(upload);
            return;
        }

        await NotFound(ProblemTypes.UploadNotFound, "upload", context);
    }

    private static Task NotFound(string type, string what, HttpContext context) =>
        new Problem(StatusCodes.Status404NotFound, type, $"There is no such {what}", $"{context.Request.Path} is no {what} here.")
            .WriteAsync(context);
}
