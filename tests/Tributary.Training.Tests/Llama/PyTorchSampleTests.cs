using System.Diagnostics;
using System.Numerics.Tensors;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Safetensors;
using Tributary.TestKit;
using Tributary.Training.Memory;

namespace Tributary.Training.Tests.Llama;

/// <summary>
/// samples/pytorch-sft beside the trainer inside, on a small Llama that has all of Llama 3.2's kinds of parts: stretched rotary frequencies, grouped
/// queries, a tied or a separate head. Where they differ, a federation whose sites use both learns something else than its users think.
/// </summary>
public sealed class PyTorchSampleTests : IDisposable
{
    private const string Python = "/usr/bin/python3";
    private const int Steps = 10;
    private const int BatchSize = 4;
    private const double LearningRate = 2e-3;
    private const double WeightDecay = 0.01;
    private const int RecordsMax = 50;
    private const int Round = 2;

    /// <summary>Original positions are few, so that the frequencies of the sequences here are stretched, blended and kept.</summary>
    private const string Config = """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
         "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 1024, "max_position_embeddings": 256, "rms_norm_eps": 1e-05,
         "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 64}, "hidden_act": "silu", "tie_word_embeddings": TIED, "bos_token_id": 1, "eos_token_id": 2}
        """;

    private static readonly string Quickstart = Path.Combine(Repository.Root, "samples", "quickstart");

    private static readonly string[] Texts =
    [
        "What is necessary?", "", " ", "  two  spaces ", "\ttab\nand\r\nlines\n\n\n", "3.14159 and 1000000", "naïve café — “quotes”…", "日本語と한국어", "🙂🏽👩‍👩‍👧 flags 🇩🇪",
        "</s><s><unk>", "<0x41>", "e\u0301 and \u00e9", "\u2581under\u2581score", "a\u0000b", "ALL CAPS, CamelCase, snake_case", "x = [1, 2]; // code\n    return;",
    ];

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task Logits_tokens_and_ten_steps_of_AdamW_are_the_same(bool tied, bool everySetting)
    {
        Assert.SkipUnless(Repository.IsCi || Directory.Exists("/usr/lib/python3/dist-packages/torch"), "python3-torch is not installed");
        WriteCheckpoint(tied);
        Tokenizer tokenizer = Tokenizer.Load(_folder["model"]);
        int[] tokens = tokenizer.Encode(string.Join('\n', File.ReadLines(Path.Combine(Quickstart, "data", "bank.jsonl")).Take(3)), addBos: true)[..150];
        var options = new TrainingOptions
        {
            BatchSize = BatchSize,
            LearningRate = LearningRate,
            WeightDecay = WeightDecay,
            ClipNorm = 1,
            // The order of the records that a job's site draws.
            Seed = BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"7/{Round}/0/clinic"))),
        };
        if (everySetting)
        {
            options = options with
            {
                Epochs = 2,
                GradientAccumulation = 2,
                Schedule = LearningRateSchedule.Cosine,
                WarmupSteps = 13,
                ScheduleTrainings = 3,
                ScheduleTraining = Round - 1,
                WeightDecay = 0.5,
                Decay = WeightDecayScope.Matrices,
                ProximalMu = 0.3,
            };
        }

        JsonElement result = await RunSampleAsync(tokens, options);

        for (int i = 0; i < Texts.Length; i++)
        {
            result.GetProperty("ids")[i].Deserialize<int[]>().ShouldBe(tokenizer.Encode(Texts[i], addBos: false), Texts[i]);
        }

        using SafetensorsFile file = SafetensorsFile.Open(_folder["model/model.safetensors"]);
        using LlamaModel model = LlamaModel.Load(LlamaConfig.Load(_folder["model"]), file);
        using SafetensorsFile logits = SafetensorsFile.Open(_folder["logits.safetensors"]);
        LogitsShouldBe(logits.ReadFloats("logits"), model, tokens);
        ShouldTrainAlike(result, model, tokenizer, options);
    }

    [Theory]
    [InlineData("tokens-llama3")]
    [InlineData("tokens-gpt2")]
    [InlineData("tokens-digits")]
    public async Task Tokens_of_byte_level_vocabularies_are_those_of_the_tokenizers_library(string kind)
    {
        Assert.SkipUnless(Repository.IsCi || File.Exists(Python), $"there is no {Python}");
        await RunPythonAsync("run_tokenizer.py", Path.Combine(AppContext.BaseDirectory, "Fixtures", kind));
    }

    private static void LogitsShouldBe(float[] expected, LlamaModel model, int[] tokens)
    {
        int vocabulary = model.Config.VocabularySize;
        expected.Max(Math.Abs).ShouldBeInRange(5, 100, "logits of other sizes than a trained model's prove little");
        using var decoder = new LlamaDecoder(model, tokens.Length);
        for (int i = 0; i < tokens.Length; i++)
        {
            float[] differences = [.. decoder.Next(tokens[i])];
            TensorPrimitives.Subtract(differences, expected.AsSpan(i * vocabulary, vocabulary), differences);
            Math.Abs(TensorPrimitives.MaxMagnitude<float>(differences)).ShouldBeLessThan(1e-4f, $"position {i}");
        }

        // What trains has no logits to show, but the loss of each token that may come next is its logit's distance from their log-sum.
        using var workers = new Workers(1);
        using var pass = new LlamaPass(model, tokens.Length, tokens.Length, forTraining: false, workers);
        var batch = new TokenBatch(1, tokens.Length);
        foreach (int length in new[] { 1, 40, tokens.Length })
        {
            ReadOnlySpan<float> row = expected.AsSpan((length - 1) * vocabulary, vocabulary);
            double logSum = 0;
            foreach (float logit in row)
            {
                logSum += Math.Exp(logit);
            }

            for (int token = 0; token < vocabulary; token += 31)
            {
                batch.Clear();
                batch.Add([.. tokens.AsSpan(0, length), token], length);
                pass.Loss(batch).ShouldBe(Math.Log(logSum) - row[token], 1e-4, $"position {length - 1}, token {token}");
            }
        }
    }

    private static void ShouldTrainAlike(JsonElement result, LlamaModel model, Tokenizer tokenizer, TrainingOptions options)
    {
        InstructionDataset all = InstructionDataset.Load(Path.Combine(Quickstart, "data", "clinic.jsonl"), tokenizer, 128, RecordsMax);
        (InstructionDataset train, InstructionDataset heldOut) = all.Split(0.2, 7);
        train.Count.ShouldBe(Steps * BatchSize);
        EvaluationResult received = Evaluator.Evaluate(model, heldOut, 1, Cancel);
        result.GetProperty("received_loss").GetDouble().ShouldBe(received.MeanLoss, 1e-4);
        result.GetProperty("held_out_tokens").GetInt64().ShouldBe(received.ResponseTokens);

        var steps = new Recorder();
        Trainer.Train(model, train, options, steps, Cancel);
        double[] losses = result.GetProperty("losses").Deserialize<double[]>()!;
        losses.Length.ShouldBe(Steps);
        steps.Losses.Count.ShouldBe(Steps);
        (losses[0] - losses[^1]).ShouldBeGreaterThan(0.5, "steps that change nothing agree always");
        for (int step = 0; step < Steps; step++)
        {
            steps.Losses[step].ShouldBe(losses[step], 1e-3, $"step {step + 1}");
        }
    }

    private void WriteCheckpoint(bool tied)
    {
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllText(_folder["model/config.json"], Config.Replace("TIED", tied ? "true" : "false", StringComparison.Ordinal));
        File.Copy(Path.Combine(Quickstart, "model", "tokenizer.json"), _folder["model/tokenizer.json"]);
        LlamaConfig config = LlamaConfig.Load(_folder["model"]);
        IReadOnlyList<TensorSpec> names = LlamaTensorNames.Of(
            DType.F32, config.VocabularySize, config.LayerCount, config.HiddenSize, config.HeadCount * config.HeadLength,
            config.KeyValueHeadCount * config.HeadLength, config.IntermediateSize, separateHead: !tied);
        using var noise = new MemorySource([.. names.Select((spec, seed) => MemorySource.Gaussian(spec.Name, spec.DType, [.. spec.Shape], seed, 0.2f))]);
        using var weights = new MemorySource([.. names.Select(spec => MemorySource.F32(
            spec.Name, [.. spec.Shape], [.. noise.ReadFloats(spec.Name).Select(value => spec.Shape.Count == 1 ? 1 + value : value)]))]);
        new SafetensorsWriter(weights).WriteFile(_folder["model/model.safetensors"], Cancel);
    }

    private async Task<JsonElement> RunSampleAsync(int[] tokens, TrainingOptions options)
    {
        File.WriteAllText(_folder["task.json"], JsonSerializer.Serialize(new
        {
            checkpoint = _folder["model"],
            data = Path.Combine(Quickstart, "data", "clinic.jsonl"),
            records = RecordsMax,
            held_out = 0.2,
            held_out_data = (string?)null,
            seed = 7,
            rounds = Math.Max(Round, options.ScheduleTrainings),
            round = Round,
            step = 0,
            site = "clinic",
            train = new
            {
                epochs = options.Epochs,
                batch_size = options.BatchSize,
                gradient_accumulation = options.GradientAccumulation,
                sequence_length = 128,
                learning_rate = options.LearningRate,
                schedule = options.Schedule.ToString().ToLowerInvariant(),
                warmup_steps = options.WarmupSteps,
                warmup_ratio = options.WarmupRatio,
                weight_decay = options.WeightDecay,
                decay = options.Decay.ToString().ToLowerInvariant(),
                clip_norm = options.ClipNorm,
                proximal_mu = options.ProximalMu,
                optimizer_state = "fresh",
                lora = (object?)null,
            },
            tokens,
            texts = Texts,
        }));
        await RunPythonAsync("run_sample.py", _folder.Path);
        return JsonDocument.Parse(await File.ReadAllTextAsync(_folder["result.json"], Cancel)).RootElement;
    }

    private static async Task RunPythonAsync(string script, string folder)
    {
        string path = Path.Combine(Repository.Root, "tests", "Tributary.Training.Tests", "Fixtures", script);
        using Process process = Process.Start(new ProcessStartInfo(Python, [path, folder]) { RedirectStandardError = true, UseShellExecute = false })!;
        string error = await process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        process.ExitCode.ShouldBe(0, error);
    }

    private sealed class Recorder : IProgress<TrainingProgress>
    {
        public List<double> Losses { get; } = [];

        public void Report(TrainingProgress value) => Losses.Add(value.Loss);
    }
}
