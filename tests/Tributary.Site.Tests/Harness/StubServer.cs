using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Tributary.Codecs.Messages;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Tensors;
using Tributary.TestKit;
using Tributary.Transport;

namespace Tributary.Site.Tests.Harness;

/// <summary>
/// A server that answers as a test tells it: one task to evaluate a model, then none; what the agent posts is written down.
/// </summary>
internal sealed class StubServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private WebApplication _application = null!;
    private ServedObject _message = null!;
    private TaskDocument? _task;

    /// <summary>The statuses to answer with before the proper one, by the end of the path: <c>next</c>, <c>result</c>, <c>failure</c>.</summary>
    public ConcurrentDictionary<string, ConcurrentQueue<int>> Refusals { get; } = new();

    /// <summary>The version that it says it speaks; none where that is null.</summary>
    public string? Version { get; set; }

    /// <summary>What arrived: the end of the path and the body.</summary>
    public ConcurrentQueue<(string What, string Body)> Arrived { get; } = new();

    /// <summary>Completes with the body of the first result or failure that was taken.</summary>
    public TaskCompletionSource<(string What, string Body)> Taken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the agent asks for a task and there is none any more.</summary>
    public TaskCompletionSource Idle { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Uri Address => new(_application.Urls.Single());

    public static async Task<StubServer> StartAsync(Func<TaskDocument, TaskDocument>? change = null)
    {
        var stub = new StubServer();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        using var model = new MemorySource(MemorySource.Gaussian("w", DType.F32, [300], 1));
        MessageFile.Plan(model).WriteFile(stub._folder["message"], cancel);
        stub._message = ServedObject.FromFile("message", stub._folder["message"]);
        ObjectDescriptor descriptor = await stub._message.CommitAsync();
        var job = new Job { Name = "demo", Sites = ["a"], Exchange = Exchange.Weights, Precision = new JobPrecision("fp32", "fp32") };
        var meaning = new MessageMeaning(MessageKind.Weights, null, "fp32");
        var message = new MessageDocument(Routes.Object("demo", "message"), descriptor.Length, descriptor.Digest, meaning, []);
        var task = new TaskDocument(job, TaskNames.Evaluate, 1, 0, 1, message, null);
        stub._task = change is null ? task : change(task);
        await stub.ListenAsync(cancel);
        return stub;
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _message.Dispose();
        _folder.Dispose();
    }

    private Task ListenAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        _application = builder.Build();
        _application.Use((context, next) =>
        {
            if (Version is { } version)
            {
                context.Response.Headers[ProtocolVersion.Header] = version;
            }

            return next(context);
        });
        _application.UseRouting();
        var handlers = new ObjectHandlers(new ServingOptions(), TimeProvider.System, NullLogger<ObjectHandlers>.Instance);
        _application.MapObject("v1/jobs/demo/objects/message", handlers, _ => ValueTask.FromResult<ServedObject?>(_message));
        _application.MapGet(Routes.NextTask, NextAsync);
        foreach (string what in new[] { "progress", "failure", "result" })
        {
            _application.MapPost($"{Routes.Step("demo", 1, 0)}/{what}", context => TakeAsync(context, what));
        }

        return _application.StartAsync(cancellationToken);
    }

    private async Task NextAsync(HttpContext context)
    {
        Arrived.Enqueue(("next", string.Empty));
        if (Refuse("next") is { } status)
        {
            context.Response.StatusCode = status;
        }
        else if (Interlocked.Exchange(ref _task, null) is { } task)
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(JsonSerializer.Serialize(task, WireJson.Default.TaskDocument));
        }
        else
        {
            Idle.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private async Task TakeAsync(HttpContext context, string what)
    {
        string body = await new StreamReader(context.Request.Body).ReadToEndAsync(context.RequestAborted);
        Arrived.Enqueue((what, body));
        int? refusal = Refuse(what);
        context.Response.StatusCode = refusal ?? StatusCodes.Status204NoContent;
        if (refusal is not null)
        {
            await context.Response.WriteAsync("""{"detail":"said the stub"}""");
        }
        else if (what != "progress")
        {
            Taken.TrySetResult((what, body));
        }
    }

    private int? Refuse(string what) => Refusals.TryGetValue(what, out ConcurrentQueue<int>? statuses) && statuses.TryDequeue(out int status) ? status : null;
}
