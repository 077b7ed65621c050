namespace Tributary.Transport.Tests;

/// <summary>A real HttpClient and an <see cref="ObjectClient"/> on it, patient enough for a busy machine and quick to repeat.</summary>
public sealed class Clients : IDisposable
{
    public static readonly TransferOptions Quick = new()
    {
        BackoffFirst = TimeSpan.FromMilliseconds(5),
        BackoffMax = TimeSpan.FromMilliseconds(50),
        Progress = new ProgressRule(1, TimeSpan.FromSeconds(20)),
    };

    public HttpClient Http { get; } = new() { Timeout = Timeout.InfiniteTimeSpan };

    public ObjectClient With(TransferOptions? options = null) => new(Http, options ?? Quick, TimeProvider.System, new Random(1));

    public void Dispose() => Http.Dispose();
}

/// <summary>Passes progress on where it happens, so that a test can act at that very point.</summary>
public sealed class OnProgress(Action<TransferProgress> act) : IProgress<TransferProgress>
{
    public void Report(TransferProgress value) => act(value);
}
