using System.Collections.ObjectModel;
using Tributary.Codecs;
using Tributary.Codecs.Adaptive;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Filters;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Tasks;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Server.Storage;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Transport;

namespace Tributary.Server.Jobs;

/// <summary>
/// Makes a step's message once for all sites. Where changes are sent, the server keeps the shadow: the model that every up-to-date
/// site holds. A message is then the global model's change against the shadow, so what its precision lost is in the next one.
/// </summary>
/// <param name="job">The job.</param>
/// <param name="initial">The model it starts from, as the sites see it: the first shadow where it is served from where it lies.</param>
/// <param name="folder">Where messages and shadows lie.</param>
/// <param name="journal">The record.</param>
/// <param name="time">The clock.</param>
internal sealed class MessageBroadcast(Job job, TensorSource initial, JobFolder folder, Journal journal, TimeProvider time)
{
    // Of a model itself, and of a change.
    private readonly FilterPipeline _whole = FilterPipeline.For(FilterPoint.TaskDataOut, job.WholePrecision);
    private readonly FilterPipeline _change = FilterPipeline.For(FilterPoint.TaskDataOut, job.Precision);
    private readonly FilterPipeline _last = FilterPipeline.For(FilterPoint.TaskDataOut, job.LastPrecision);

    /// <summary>Whether sites may still fetch what a step offers.</summary>
    public Func<StepRow, bool> IsOpen { get; set; } = static _ => false;

    /// <summary>The model that was merged last, maybe not to its end yet; null where none was since the server began.</summary>
    public GrowingModel? Newest { get; set; }

    /// <summary>The shadows that sites may need.</summary>
    public IReadOnlyList<string> Held => [.. Needed(Sent()).Select(row => folder.Shadow(row.Round, row.Step))];

    /// <summary>
    /// Whether a step's message lies in files already and need not be encoded: the initial model stays where it is for the whole job; of
    /// later ones only weights are sent as they lie.
    /// </summary>
    public bool IsStored(TaskRequest request) =>
        SendsNothing(request) || ((job.Exchange == Exchange.Weights || request.Model.Round == 0) && _whole.Apply(request.Model.Weights).IsStored);

    /// <summary>
    /// Offers a step's message: from where it lies if no filter changes it, or else encoded into a file while the sites fetch it already.
    /// A row of the journal says that it was committed before.
    /// </summary>
    public StepMessage Begin(TaskRequest request, StepRow? row, CancellationToken cancellationToken)
    {
        if (SendsNothing(request))
        {
            return BeginNote(request, row, cancellationToken);
        }

        DateTimeOffset opened = time.GetUtcNow();
        StepRow? before = Before(row);
        List<IDisposable> sources = [];
        try
        {
            TensorSource model = before is null
                ? request.Model.Weights
                : new DeltaSource(TrainedTensors.Of(request.Model.Weights, job.Train), TrainedTensors.Of(OpenShadow(before, sources), job.Train));
            (FilterPipeline encoder, JobPrecision precision) = before is null ? (_whole, job.WholePrecision) : IsLast(request) ? (_last, job.LastPrecision) : (_change, job.Precision);
            TensorSource encoded = encoder.Apply(model);
            SafetensorsWriter plan = MessageFile.Plan(encoded);
            var meaning = row?.Meaning ?? new MessageMeaning(
                before is null ? MessageKind.Weights : MessageKind.Delta, before?.Meaning.ModelDigest(before.Digest), precision.Task);
            IReadOnlyList<long> units = StreamingUnits.Ends(job.Streaming, plan);
            string path = folder.Message(request.Round, request.Step);
            GrowingModel? growing = Newest;
            ByteSource bytes = before is null && IsStored(request) ? new PlannedMessage(plan, growing is null ? null : (length, token) => growing.WaitForAsync(plan, length, token))
                : row is null ? StagedFile.Create(path, plan.Header.FileLength, units)
                : ByteSource.FromFile(path);
            string name = Name(request);
            return new StepMessage(
                name, Routes.Object(job.Name, name), meaning, plan, bytes, units, row?.Digest, (message, made) => Commit(request, opened, before, message, made),
                growing?.Saved ?? Task.CompletedTask, sources, cancellationToken)
            {
                Chosen = meaning.Precision == JobPrecision.Adaptive ? PrecisionShares.Of(encoded.Manifest) : ReadOnlyDictionary<string, double>.Empty,
            };
        }
        catch
        {
            sources.ForEach(source => source.Dispose());
            throw;
        }
    }

    /// <summary>Whether a step asks its sites for something about the model that they hold, and sends none.</summary>
    private bool SendsNothing(TaskRequest request) =>
        job.SecureAggregation is not null && request.Task is (TaskNames.Train or AggregationTasks.Shares or AggregationTasks.Survivors or AggregationTasks.Unmasking);

    /// <summary>A step without a model: its message is a header.</summary>
    private StepMessage BeginNote(TaskRequest request, StepRow? row, CancellationToken cancellationToken)
    {
        DateTimeOffset opened = time.GetUtcNow();
        SafetensorsWriter plan = MessageFile.Plan(new NoTensors());
        string name = Name(request);
        return new StepMessage(
            name, Routes.Object(job.Name, name), new MessageMeaning(MessageKind.Weights, null, StepRow.NoPrecision), plan, new PlannedMessage(plan), [], row?.Digest,
            (message, made) => journal.OpenStep(job.Name, new StepRow(request.Round, request.Step, request.Task, made.Digest, message.Meaning, made.Length, 0, opened)),
            Newest?.Saved ?? Task.CompletedTask, [], cancellationToken);
    }

    /// <summary>The base of a step's change, for sites that do not hold it; null where the message is a model itself.</summary>
    public (ServedObject Object, BaseDocument Document)? OfferBase(TaskRequest request, StepRow? row)
    {
        if (SendsNothing(request) || Before(row) is not { } before)
        {
            return null;
        }

        string name = $"base-{Name(request)}";
        string path = before.Meaning.Base is null ? folder.Message(before.Round, before.Step) : folder.Shadow(before.Round, before.Step);
        ByteSource bytes = File.Exists(path) ? ByteSource.FromFile(path) : new PlannedMessage(MessageFile.Plan(_whole.Apply(initial)));
        return (new ServedObject(name, bytes), new BaseDocument(Routes.Object(job.Name, name), before.Meaning.ModelDigest(before.Digest)));
    }

    /// <summary>What the sites hold after the last step; it and what it is read from are added to <paramref name="opened"/>.</summary>
    public TensorSource OpenLastShadow(List<IDisposable> opened) => OpenShadow(Sent()[^1], opened);

    /// <summary>The steps that sent a model or its change, in order: what sites hold follows from these.</summary>
    private List<StepRow> Sent() => [.. journal.Steps(job.Name).Where(row => row.SendsModel)];

    // No later one corrects it: sites measure the model that the job ends with.
    // Of a model that is measured and not trained no later message brings what this one loses; but where it is measured first and then trained, as in a cycle.
    private bool IsLast(TaskRequest request) => request.Task == TaskNames.Evaluate && (request.Round > job.Rounds || job.Workflow != Cyclic.Name);

    private static string Name(TaskRequest request) => $"round-{request.Round:D5}-{request.Step}";

    /// <summary>Where changes are sent, the step whose shadow a step's message is against; null for the first.</summary>
    private StepRow? Before(StepRow? row)
    {
        if (job.Exchange == Exchange.Weights)
        {
            return null;
        }

        return Sent().TakeWhile(step => step != row).LastOrDefault();
    }

    /// <summary>
    /// The model that every up-to-date site holds after a step: what a message of weights decodes to, from its file or the initial model; or
    /// a file of its own.
    /// </summary>
    private DequantizedSource OpenShadow(StepRow row, List<IDisposable> opened)
    {
        string message = folder.Message(row.Round, row.Step);
        if (row.Meaning.Base is null && !File.Exists(message))
        {
            return new DequantizedSource(_whole.Apply(initial));
        }

        var file = MessageFile.Open(row.Meaning.Base is null ? message : folder.Shadow(row.Round, row.Step));
        opened.Add(file);
        return new DequantizedSource(file);
    }

    /// <summary>The message is durable: writes the shadow where it has to be, and the journal's row, which makes both count.</summary>
    private void Commit(TaskRequest request, DateTimeOffset opened, StepRow? before, StepMessage message, ObjectDescriptor made)
    {
        if (before is not null)
        {
            WriteShadow(request, before);
        }

        journal.OpenStep(job.Name, new StepRow(
            request.Round, request.Step, request.Task, made.Digest, message.Meaning, made.Length, message.EncodeTime.TotalSeconds, opened));
        ClearMessages();
    }

    /// <summary>Kept are the messages of open steps, and the one before the last where that is the base: a model as it was sent.</summary>
    private void ClearMessages()
    {
        IReadOnlyList<StepRow> steps = Sent();
        IEnumerable<StepRow> bases = job.Exchange == Exchange.Delta ? Needed(steps).Where(row => row.Meaning.Base is null) : [];
        folder.ClearMessages([.. bases.Append(steps[^1]).Concat(steps.Where(IsOpen)).Select(row => folder.Message(row.Round, row.Step))]);
    }

    /// <summary>The last step and those that are open, and of each the one before it, whose shadow is its base.</summary>
    private IEnumerable<StepRow> Needed(IReadOnlyList<StepRow> steps) => steps.Where((row, place) =>
        place >= steps.Count - 2 || IsOpen(row) || IsOpen(steps[place + 1]));

    private void WriteShadow(TaskRequest request, StepRow before)
    {
        List<IDisposable> opened = [];
        try
        {
            TensorSource shadow = OpenShadow(before, opened);
            using var change = MessageFile.Open(folder.Message(request.Round, request.Step));
            new SafetensorsWriter(new AppliedDelta(shadow, new DequantizedSource(change), isPartial: job.Train.Freeze is not null)).WriteFile(folder.Shadow(request.Round, request.Step));
        }
        finally
        {
            opened.ForEach(source => source.Dispose());
        }
    }

    private sealed class NoTensors : TensorSource
    {
        public override TensorManifest Manifest { get; } = new([]);

        public override bool IsStored => true;

        public override void Read(Tile tile, int offset, Span<byte> destination) => throw new InvalidOperationException("There is nothing to read.");
    }
}
