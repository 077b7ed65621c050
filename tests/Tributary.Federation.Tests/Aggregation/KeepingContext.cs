using Tributary.Federation.Jobs;
using Tributary.Federation.Workflows;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;

namespace Tributary.Federation.Tests.Aggregation;

/// <summary>A context over files in a folder, whose server can end right after a file is written. There are no sites.</summary>
internal sealed class KeepingContext : ControllerContext, IDisposable
{
    private readonly string _folder;
    private readonly List<IDisposable> _opened = [];
    private int _writes;

    public KeepingContext(string folder, Job job)
    {
        _folder = folder;
        Job = job;
        Directory.CreateDirectory(folder);
        int round = Directory.GetFiles(folder, "*model").Select(path => int.Parse(Path.GetFileName(path).Split(' ')[0])).DefaultIfEmpty(0).Max();
        Latest = new GlobalModel(round, round == 0 ? new MemorySource(MemorySource.F32("w", [2], 100, -200)) : Open(Name(round, "model")));
    }

    public override Job Job { get; }

    public override GlobalModel Latest { get; }

    /// <summary>What was kept by this or an earlier life, without the models, sorted.</summary>
    public IEnumerable<string> Kept => Directory.GetFiles(_folder).Select(path => Path.GetFileName(path)!).Where(name => !name.EndsWith("model", StringComparison.Ordinal)).Order();

    /// <summary>After so many files the server ends.</summary>
    public int WritesMax { get; init; } = int.MaxValue;

    public override Task<IReadOnlyList<SiteResult>> BroadcastAsync(TaskRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override Task<IReadOnlyList<SiteResult>> BufferAsync(TaskRequest request, int size, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override Task<TensorSource> KeepAsync(int round, string name, Func<TensorSource> source, CancellationToken cancellationToken) =>
        Task.FromResult<TensorSource>(Write(Name(round, name), source));

    public override TensorSource? FindKept(int round, string name) => File.Exists(Name(round, name)) ? Open(Name(round, name)) : null;

    public override Task<GlobalModel> SaveAsync(int round, Func<TensorSource> weights, CancellationToken cancellationToken) =>
        Task.FromResult(new GlobalModel(round, Write(Name(round, "model"), weights)));

    public override void RecordLoss(GlobalModel model, double loss) => throw new NotSupportedException();

    public void Dispose() => _opened.ForEach(source => source.Dispose());

    private string Name(int round, string name) => Path.Combine(_folder, $"{round} {name}");

    private SafetensorsFile Write(string path, Func<TensorSource> source)
    {
        if (!File.Exists(path))
        {
            new SafetensorsWriter(source()).WriteFile(path, TestContext.Current.CancellationToken);
            if (++_writes >= WritesMax)
            {
                throw new EndOfLifeException();
            }
        }

        return Open(path);
    }

    private SafetensorsFile Open(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        _opened.Add(file);
        return file;
    }
}

/// <summary>The server is killed.</summary>
internal sealed class EndOfLifeException : Exception;
