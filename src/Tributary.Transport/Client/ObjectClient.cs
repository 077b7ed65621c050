namespace Tributary.Transport;

/// <summary>
/// The client half: downloads objects into files and uploads files or what an encoder is still writing, in parts, several at a time.
/// What was done is found again by the next call with the same target or upload, also after a crash.
/// </summary>
public sealed class ObjectClient
{
    private readonly HttpClient _http;
    private readonly TransferOptions _options;
    private readonly TimeProvider _clock;
    private readonly Random _jitter;

    /// <summary>Makes a client.</summary>
    /// <param name="http">The caller's, with its certificates and base address; its Timeout must be infinite.</param>
    /// <param name="options">Options.</param>
    /// <param name="clock">The clock of waits and of the progress rule.</param>
    /// <param name="jitter">Spreads repetitions; this client locks it while it draws.</param>
    /// <exception cref="ArgumentException">The options cannot be used, or the HttpClient has a timeout.</exception>
    public ObjectClient(HttpClient http, TransferOptions options, TimeProvider clock, Random jitter)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (http.Timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentException(
                $"The HttpClient's Timeout is {http.Timeout}, which would end long transfers. Set it to Timeout.InfiniteTimeSpan; "
                + "the progress rule takes its place.",
                nameof(http));
        }

        _http = http;
        _options = options;
        _clock = clock;
        _jitter = jitter;
    }

    /// <summary>
    /// Downloads an object into a file, which gets its name when every part is verified and on disk. Until then
    /// <c>.partial</c> and <c>.parts</c> stand beside it, and the same call goes on from them. The record stays beside the complete file, so
    /// that the same call made again fetches nothing but what is no longer as it was.
    /// </summary>
    /// <param name="address">The object's address.</param>
    /// <param name="targetPath">
    /// The file. One that is there is replaced at the end; one that an earlier download of the same length left is what this one begins with.
    /// </param>
    /// <param name="request">What else is wanted; null for nothing.</param>
    /// <param name="cancellationToken">Cancels, and leaves what is done for later.</param>
    /// <exception cref="TransferException">It failed; the message says why and how far it came.</exception>
    public async Task<TransferResult> DownloadAsync(
        Uri address, string targetPath, DownloadRequest? request, CancellationToken cancellationToken)
    {
        request ??= new DownloadRequest();
        using var transfer = Begin($"The download of {address}", request.Progress, up: false, cancellationToken);
        var download = new Download(_http, _clock, transfer, address, targetPath, request);
        return await transfer.RunAsync(download.RunAsync);
    }

    /// <summary>
    /// Uploads a source and commits it. The upload must have been begun at the server with the source's length. Each part goes out as soon
    /// as the source has all of it, and parts that the server has already are not sent again.
    /// </summary>
    /// <param name="address">The upload's address.</param>
    /// <param name="source">The bytes: a finished file, a <see cref="StagedFile"/> that is being written, or the caller's own.</param>
    /// <param name="progress">Told about every part and every MiB; may be called from several threads; null for nobody.</param>
    /// <param name="cancellationToken">Cancels, and leaves what is done for later.</param>
    /// <exception cref="TransferException">It failed; the message says why and how far it came.</exception>
    public async Task<TransferResult> UploadAsync(
        Uri address, ByteSource source, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        using var transfer = Begin($"The upload to {address}", progress, up: true, cancellationToken);
        var upload = new Upload(_http, _clock, transfer, address, source);
        return await transfer.RunAsync(upload.RunAsync);
    }

    private Transfer Begin(string name, IProgress<TransferProgress>? progress, bool up, CancellationToken cancellationToken) =>
        new(name, new TransferGauge(progress, _clock, up), _options, _clock, _jitter, cancellationToken);
}
