using System.Diagnostics;
using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Rounds;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// Writes a step's message once for all sites. Where changes are sent, the server keeps the shadow: the model that every up-to-date
/// site holds. A message is then the global model's change against the shadow, so what its precision lost is in the next one.
/// </summary>
internal sealed class MessageBroadcast(Job job, JobFolder folder, Journal journal)
{
    private readonly FilterPipeline _taskOut = FilterPipeline.For(FilterPoint.TaskDataOut, job.Precision);

    // Hashed when it was written; after a restart it is hashed again.
    private ObjectFile? _written;

    /// <summary>The length of the message that is open.</summary>
    public long Length { get; private set; }

    /// <summary>The shadows that sites may need: of the step that is open, and the one before it as its base.</summary>
    public IReadOnlyList<string> Held => [.. journal.Steps(job.Name).TakeLast(2).Select(row => folder.Shadow(row.Round, row.Step))];

    /// <summary>Writes the message and, where changes are sent, the new shadow; then journals the step.</summary>
    public async Task WriteAsync(TaskRequest request, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        StepRow? before = job.Exchange == Exchange.Delta && journal.Steps(job.Name) is [.., var last] ? last : null;
        using SafetensorsFile? shadow = before is null ? null : SafetensorsFile.Open(folder.Shadow(before.Round, before.Step));
        string path = folder.Message(request.Round, request.Step);
        Encode(shadow is null ? request.Model.Weights : new DeltaSource(request.Model.Weights, shadow), path, cancellationToken);

        _written = null;
        ObjectFile message = await ObjectFile.CreateAsync(Name(request.Round, request.Step), path, PartLayout.PartBytesDefault, cancellationToken);
        if (job.Exchange == Exchange.Delta)
        {
            using var encoded = MessageFile.Open(path);
            using var decoded = new DequantizedSource(encoded);
            TensorSource held = shadow is null ? decoded : new AppliedDelta(shadow, decoded);
            new SafetensorsWriter(held).WriteFile(folder.Shadow(request.Round, request.Step), cancellationToken);
        }

        var meaning = new MessageMeaning(shadow is null ? MessageKind.Weights : MessageKind.Delta, before?.Meaning.ModelDigest(before.Digest), job.Precision.Task);
        journal.OpenStep(job.Name, new StepRow(
            request.Round, request.Step, request.Task, message.Descriptor.Digest, meaning, message.Descriptor.Length, Stopwatch.GetElapsedTime(start).TotalSeconds));
        folder.ClearMessages(keep: path);
        _written = message;
    }

    /// <summary>The step as the sites see it, from what the journal says.</summary>
    public OpenStep Open(TaskRequest request, StepState state)
    {
        IReadOnlyList<StepRow> steps = journal.Steps(job.Name);
        StepRow row = steps[^1];
        Length = row.Length;
        string path = folder.Message(row.Round, row.Step);
        string name = Name(row.Round, row.Step);
        var document = new MessageDocument(Routes.Object(job.Name, name), row.Length, row.Digest, row.Meaning, UnitEnds(path));

        StepRow? before = row.Meaning.Base is null ? null : steps[^2];
        string baseName = $"base-{name}";
        var open = new OpenStep(
            job, journal, request, document, before is null ? null : new BaseDocument(Routes.Object(job.Name, baseName), row.Meaning.Base!), state);
        Offer(open, name, path);
        if (before is not null)
        {
            Offer(open, baseName, folder.Shadow(before.Round, before.Step));
        }

        return open;
    }

    private static string Name(int round, int step) => $"round-{round:D5}-{step}";

    private void Offer(OpenStep open, string name, string path)
    {
        ObjectFile? written = _written;
        open.Offer(name, () => written?.Descriptor.Id == name
            ? Task.FromResult(written)
            : ObjectFile.CreateAsync(name, path, PartLayout.PartBytesDefault, CancellationToken.None));
    }

    private void Encode(TensorSource model, string path, CancellationToken cancellationToken)
    {
        using TensorSource encoded = _taskOut.Apply(model);
        SafetensorsWriter message = MessageFile.Plan(encoded);
        using StagedFile staged = StagedFile.Create(path, message.Header.FileLength, StreamingUnits.Ends(job.Streaming, message));
        message.WriteTo(staged.Write, cancellationToken);
        staged.Complete();
    }

    private IReadOnlyList<long> UnitEnds(string path)
    {
        using var message = MessageFile.Open(path);
        return StreamingUnits.Ends(job.Streaming, MessageFile.Plan(message));
    }
}
