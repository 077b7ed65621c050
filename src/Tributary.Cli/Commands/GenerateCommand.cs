using System.CommandLine;
using System.Text;
using System.Text.Json;
using Tributary.Cli.Terminal;
using Tributary.Simulation;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;

namespace Tributary.Cli.Commands;

/// <summary><c>generate</c>: lets a model continue a text.</summary>
internal static class GenerateCommand
{
    private static readonly Option<DirectoryInfo> Model = new("--model") { Description = "The model's checkpoint folder", Required = true };
    private static readonly Option<string> Prompt = new("--prompt") { Description = "The text to continue", Required = true };
    private static readonly Option<bool> Instruction = new("--instruction") { Description = "Take the prompt as an instruction, in the template that training uses" };
    private static readonly Option<bool> Chat = new("--chat") { Description = "Take the prompt as a user's message, in the model's own chat template" };
    private static readonly Option<int> Tokens = new("--tokens") { Description = "The most tokens to make", DefaultValueFactory = _ => 100 };
    private static readonly Option<double> Temperature = new("--temperature") { Description = "0 always takes the likeliest token; 1 draws from the model's distribution", DefaultValueFactory = _ => 0 };
    private static readonly Option<ulong> Seed = new("--seed") { Description = "The seed of what is drawn", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout" };

    public static Command Create()
    {
        var command = new Command(
            "generate",
            "Let a model continue a text")
        {
            Model, Prompt, Instruction, Chat, Tokens, Temperature, Seed, Json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.GuardAsync(parsed, () => Task.FromResult(Run(parsed, cancellationToken))));
        return command.WithExamples(
            "generate --model out/quickstart/model --prompt \"What should I do with a fever?\" --instruction",
            "generate --model models/stories260K --prompt \"Once upon a time\" --tokens 40");
    }

    private static int Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        string folder = parsed.GetRequiredValue(Model).FullName;
        if (!Directory.Exists(folder))
        {
            throw new UsageException($"{folder}: there is no such model folder");
        }

        double temperature = parsed.GetValue(Temperature);
        int tokens = parsed.GetValue(Tokens);
        if (!(temperature >= 0 && double.IsFinite(temperature)) || tokens < 1)
        {
            throw new UsageException("--temperature should be at least 0 and --tokens at least 1");
        }

        LlamaConfig config = LlamaConfig.Load(folder);
        Tokenizer tokenizer = Tokenizer.Load(folder);
        tokenizer.RequireFits(config);
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        using LlamaModel model = LlamaModel.Load(config, checkpoint);

        string prompt = parsed.GetRequiredValue(Prompt);
        bool json = parsed.GetValue(Json);
        bool instruction = parsed.GetValue(Instruction), chat = parsed.GetValue(Chat);
        if (instruction && chat)
        {
            throw new UsageException("--instruction and --chat are two templates; give the one that the model was trained with");
        }

        ChatTemplate? template = chat ? ChatTemplate.Load(folder, tokenizer) : null;
        int[] input = template is not null ? template.Encode(prompt)
            : instruction ? PromptTemplate.Encode(tokenizer, prompt)
            : tokenizer.Encode(prompt, addBos: true);
        if (input.Length >= config.PositionsMax)
        {
            throw new UsageException($"--prompt has {input.Length} tokens, but the model only {config.PositionsMax} positions; shorten it");
        }

        ulong seed = parsed.GetValue(Seed);
        var text = new StringBuilder();
        bool answers = instruction || chat;
        if (!json && !answers)
        {
            Console.Out.Write(prompt);
        }

        foreach (string piece in answers
            ? TextGenerator.Answer(model, tokenizer, input, tokens, temperature, seed, template?.FindEnd())
            : TextGenerator.Generate(model, tokenizer, prompt, tokens, temperature, seed))
        {
            cancellationToken.ThrowIfCancellationRequested();
            text.Append(piece);
            if (!json)
            {
                Console.Out.Write(piece);
            }
        }

        Console.Out.WriteLine(json ? JsonSerializer.Serialize(new { prompt, text = text.ToString() }, Output.Json) : string.Empty);
        return 0;
    }
}
