using BenchmarkDotNet.Attributes;
using Tributary.Training;

namespace Tributary.Benchmarks;

/// <summary>
/// A megabyte of text in tokens: warm, where most words have been met before, and cold. TRIBUTARY_TOKENIZER names a model's folder and
/// TRIBUTARY_TEXT a file; without them it is the quickstart's tokenizer and its records.
/// </summary>
[ShortRunJob]
public class TokenizerSpeed
{
    private const int Characters = 1 << 20;

    private string _folder = "";
    private string _text = "";
    private Tokenizer? _warm;

    [GlobalSetup]
    public void Setup()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Tributary.slnx")))
        {
            root = root.Parent;
        }

        string quickstart = Path.Combine(root?.FullName ?? ".", "samples", "quickstart");
        _folder = Environment.GetEnvironmentVariable("TRIBUTARY_TOKENIZER") ?? Path.Combine(quickstart, "model");
        string text = File.ReadAllText(Environment.GetEnvironmentVariable("TRIBUTARY_TEXT") ?? Path.Combine(quickstart, "data", "clinic.jsonl"));
        _text = string.Concat(Enumerable.Repeat(text, (Characters / text.Length) + 1))[..Characters];
        _warm = Tokenizer.Load(_folder);
        Console.WriteLine($"// {_text.Length} characters are {Warm()} tokens");
    }

    [Benchmark]
    public int Warm() => _warm!.Encode(_text, addBos: false).Length;

    /// <summary>Loading counts, too: subtract <see cref="Load"/>.</summary>
    [Benchmark]
    public int LoadAndEncode() => Tokenizer.Load(_folder).Encode(_text, addBos: false).Length;

    [Benchmark]
    public int Load() => Tokenizer.Load(_folder).VocabularySize;
}
