using System.Collections.ObjectModel;
using System.Diagnostics;
using Tributary.Federation.Messages;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Telemetry;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// The message of a step: offered to the sites at once, while it may still be encoded, and once for all of them. It is written down
/// before any site is told its digest.
/// </summary>
internal sealed class StepMessage : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly IReadOnlyList<IDisposable> _sources;
    private readonly Task _encoding = Task.CompletedTask;
    private readonly string _address;
    private readonly IReadOnlyList<long> _unitEnds;
    private readonly string? _recorded;

    /// <summary>Offers a message, and begins to encode it where that has to be done.</summary>
    /// <param name="name">The object's name.</param>
    /// <param name="address">Its address, as sites are told it.</param>
    /// <param name="meaning">What it means.</param>
    /// <param name="plan">Its layout.</param>
    /// <param name="bytes">Its bytes; a staged file is written from the plan.</param>
    /// <param name="unitEnds">Where its units end, for those who receive it.</param>
    /// <param name="recorded">Its digest, where it was committed before.</param>
    /// <param name="committing">Makes it count; not called for one that was committed before.</param>
    /// <param name="modelSaved">Ends when the model that it is made of is durable, before which it does not count.</param>
    /// <param name="sources">What it is read from; disposed with it.</param>
    /// <param name="cancellationToken">Ends the encoding.</param>
    public StepMessage(
        string name,
        string address,
        MessageMeaning meaning,
        SafetensorsWriter plan,
        ByteSource bytes,
        IReadOnlyList<long> unitEnds,
        string? recorded,
        Action<StepMessage, ObjectDescriptor> committing,
        Task modelSaved,
        IReadOnlyList<IDisposable> sources,
        CancellationToken cancellationToken)
    {
        Meaning = meaning;
        _address = address;
        _unitEnds = unitEnds;
        _recorded = recorded;
        _sources = sources;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Object = new ServedObject(name, bytes, PartLayout.PartBytesDefault, recorded, recorded is null ? CommitAsync : null);
        ModelSaved = modelSaved;
        Made = modelSaved;
        if (bytes is StagedFile staged)
        {
            _encoding = Task.Run(() => Encode(plan, staged, _stop.Token), _stop.Token);
            Made = MakeAsync();
        }

        async Task CommitAsync(ObjectDescriptor descriptor)
        {
            await _encoding;
            await RequireSavedAsync(modelSaved);
            committing(this, descriptor);
        }
    }

    /// <summary>What it means.</summary>
    public MessageMeaning Meaning { get; }

    /// <summary>Where its precision was chosen for each tensor: the share of elements in each; else none.</summary>
    public IReadOnlyDictionary<string, double> Chosen { get; init; } = ReadOnlyDictionary<string, double>.Empty;

    /// <summary>Its bytes, as they are offered.</summary>
    public ServedObject Object { get; }

    /// <summary>
    /// The time that encoding took, with what it waited for the merge of the model that it is made of; none where nothing had to be encoded.
    /// </summary>
    public TimeSpan EncodeTime { get; private set; }

    /// <summary>Ends when the model that it is made of is durable; its fault is the merge's.</summary>
    public Task ModelSaved { get; }

    /// <summary>
    /// Ends when a message that has to be encoded is committed; its fault is the step's. Others are committed when a site asks: then it ends with the
    /// merge of their model.
    /// </summary>
    public Task Made { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length => Object.Layout.Length;

    /// <summary>Its digest, once it is committed.</summary>
    public string? Digest => _recorded ?? Object.Descriptor?.Digest;

    /// <summary>The digest of the model that a site holds once it has it; null until it is committed.</summary>
    public string? ModelDigest => Digest is { } digest ? Meaning.ModelDigest(digest) : null;

    /// <summary>As sites are told of it.</summary>
    public MessageDocument Document => new(_address, Length, Digest, Meaning, _unitEnds);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _encoding.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        Object.Dispose();
        await Made.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        foreach (IDisposable source in _sources)
        {
            source.Dispose();
        }

        _stop.Dispose();
    }

    private static async Task RequireSavedAsync(Task modelSaved)
    {
        try
        {
            await modelSaved;
        }
        catch (JobFailedException e)
        {
            // It is told to sites, whom the server's folder does not concern.
            throw new IOException("the model that it is made of could not be merged", e);
        }
    }

    private async Task MakeAsync()
    {
        await _encoding;
        await Object.CommitAsync();
    }

    private void Encode(SafetensorsWriter plan, StagedFile file, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using TracedOperation span = ServerTelemetry.BeginEncode();
        try
        {
            plan.WriteTo(file.Write, cancellationToken);
            file.Complete();
        }
        catch (Exception e)
        {
            // Sites that wait for its bytes are told why there will be none, and not where the model lies.
            file.Fail(e is TensorFormatException changed ? new IOException(changed.MessageWithoutFolder, e) : e);
            throw;
        }

        EncodeTime = Stopwatch.GetElapsedTime(start);
    }
}
