using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tributary.Transport.Tests;

/// <summary>A real server on 127.0.0.1 that serves objects and takes uploads into a folder, as Tributary.Server would.</summary>
public sealed class TransportHost : IAsyncDisposable
{
    public const long LengthMax = 1L << 30;

    private readonly ConcurrentDictionary<string, ServedObject> _objects = [];
    private readonly ConcurrentDictionary<string, Task<ObjectUpload>> _uploads = [];
    private readonly ConcurrentQueue<string> _log = [];
    private readonly string _folder;
    private WebApplication? _app;

    private TransportHost(string folder) => _folder = folder;

    public Uri Address { get; private set; } = null!;

    public IReadOnlyCollection<string> Log => _log;

    /// <summary>Every commit that the server's own bookkeeping was told about.</summary>
    public ConcurrentQueue<ObjectDescriptor> Commits { get; } = [];

    /// <summary>The next requests are answered with 503 and this Retry-After, or none.</summary>
    public ConcurrentQueue<string?> Unavailable { get; } = [];

    public static async Task<TransportHost> StartAsync(string folder, ProgressRule? rule = null)
    {
        var host = new TransportHost(folder);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(new QueueLogger(host._log));
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        host._app = builder.Build();
        host._app.Use(next => context =>
        {
            if (!host.Unavailable.TryDequeue(out string? retryAfter))
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.RetryAfter = retryAfter;
            return Task.CompletedTask;
        });
        ServingOptions options = rule is null ? new ServingOptions() : new ServingOptions { Progress = rule };
        ILoggerFactory loggers = host._app.Services.GetRequiredService<ILoggerFactory>();
        var objects = new ObjectHandlers(options, TimeProvider.System, loggers.CreateLogger<ObjectHandlers>());
        var uploads = new UploadHandlers(options, TimeProvider.System, loggers.CreateLogger<UploadHandlers>());
        host._app.MapObject("/objects/{id}", objects, host.FindObject);
        host._app.MapUpload("/uploads/{id}", uploads, host.FindUpload, committed: (_, descriptor, _) =>
        {
            host.Commits.Enqueue(descriptor);
            return ValueTask.CompletedTask;
        });
        host._app.MapPost("/uploads/{id}", async context =>
        {
            if (await uploads.ReadLayoutAsync(context, LengthMax) is { } layout)
            {
                await host.BeginUploadAsync((string)context.GetRouteValue("id")!, layout);
                context.Response.StatusCode = StatusCodes.Status201Created;
            }
        });
        await host._app.StartAsync();
        host.Address = new Uri(host._app.Urls.Single());
        return host;
    }

    public Uri ObjectAddress(string id) => new(Address, $"/objects/{id}");

    public Uri UploadAddress(string id) => new(Address, $"/uploads/{id}");

    public string UploadPath(string id) => Path.Combine(_folder, "upload-" + id);

    /// <summary>Offers a file whose digest is known.</summary>
    public async Task<ObjectDescriptor> PublishAsync(string id, string path, int partBytes)
    {
        var served = ServedObject.FromFile(id, path, partBytes);
        Publish(id, served);
        return await served.CommitAsync();
    }

    public void Publish(string id, ServedObject served) => _objects[id] = served;

    public string TagOf(string id) => $"\"{_objects[id].Tag}\"";

    public Task<ObjectUpload> BeginUploadAsync(string id, PartLayout layout) =>
        _uploads.GetOrAdd(id, _ => ObjectUpload.OpenAsync(id, UploadPath(id), layout, CancellationToken.None));

    public async ValueTask DisposeAsync()
    {
        await _app!.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        foreach (ServedObject served in _objects.Values)
        {
            served.Dispose();
        }

        foreach (Task<ObjectUpload> upload in _uploads.Values)
        {
            (await upload).Dispose();
        }
    }

    private ValueTask<ServedObject?> FindObject(HttpContext context) =>
        ValueTask.FromResult(_objects.GetValueOrDefault((string)context.GetRouteValue("id")!));

    private async ValueTask<ObjectUpload?> FindUpload(HttpContext context) =>
        _uploads.TryGetValue((string)context.GetRouteValue("id")!, out Task<ObjectUpload>? upload) ? await upload : null;

    private sealed class QueueLogger(ConcurrentQueue<string> log) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                log.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }
}
