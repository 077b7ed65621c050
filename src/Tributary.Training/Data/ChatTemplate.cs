using System.Text.Json;
using Tributary.Training.Jinja;

namespace Tributary.Training;

/// <summary>
/// The chat template that a model was published with: chat_template.jinja, or chat_template in tokenizer_config.json. It makes one text
/// of a conversation, with the special tokens that this model knows turns by.
/// </summary>
/// <remarks>
/// Templates that write today's date get <see cref="Date"/>, so that a record has the same tokens on every day and at every site. Special
/// tokens whose names stand in a message are plain text.
/// </remarks>
public sealed class ChatTemplate
{
    private const int HeaderMax = 32; // tokens; a generation prompt is a few

    private readonly string _source;
    private readonly JinjaTemplate _template;
    private readonly Tokenizer _tokenizer;
    private readonly IReadOnlyDictionary<string, object?> _variables;

    private ChatTemplate(string source, JinjaTemplate template, Tokenizer tokenizer, IReadOnlyDictionary<string, object?> variables) =>
        (_source, _template, _tokenizer, _variables) = (source, template, tokenizer, variables);

    /// <summary>The date of every conversation: the one that Llama 3.1's own template falls back to.</summary>
    public static DateOnly Date { get; } = new(2024, 7, 26);

    /// <summary>Reads a model's chat template.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <exception cref="ModelFormatException">The model has none, or it has something that is not understood; the message says what and in which line.</exception>
    public static ChatTemplate Load(string folder, Tokenizer tokenizer)
    {
        string jinja = Path.Combine(folder, "chat_template.jinja"), configPath = Path.Combine(folder, "tokenizer_config.json");
        using JsonDocument? config = File.Exists(configPath) ? CheckpointJson.Read(configPath, "it has the chat template") : null;
        bool own = File.Exists(jinja);
        string source = own ? jinja : $"{configPath}, chat_template";
        string text = own ? File.ReadAllText(jinja) : ReadTemplate(configPath, config?.RootElement)
            ?? throw new ModelFormatException($"{folder}: the model has no chat template, neither chat_template.jinja nor chat_template in tokenizer_config.json; "
                + "use the plain template, or copy the file that the model was published with");
        try
        {
            return new ChatTemplate(source, JinjaTemplate.Parse(text), tokenizer, Variables(config?.RootElement, tokenizer));
        }
        catch (ChatTemplateException e)
        {
            throw new ModelFormatException($"{source}: {e.Message}", e);
        }
    }

    /// <summary>The tokens of the prompt for one instruction, as training makes them.</summary>
    /// <param name="instruction">What to do.</param>
    /// <param name="context">What to do it with; nothing or empty for none.</param>
    /// <exception cref="ChatTemplateException">The template has something that is not understood, or refuses the conversation.</exception>
    public int[] Encode(string instruction, string? context = null) =>
        _tokenizer.EncodeMarkup(Render(Messages(PromptTemplate.Turns(instruction, context)), addGenerationPrompt: true));

    /// <summary>The token with which an answer ends, such as Llama 3's &lt;|eot_id|&gt;; it need not be the tokenizer's eos.</summary>
    /// <exception cref="ChatTemplateException">The template has something that is not understood.</exception>
    public int FindEnd() => Encode(new InstructionRecord(PromptTemplate.Turns("a", null), "b")).Response[^1];

    /// <summary>The tokens of a record. Those of the response end with what ends the assistant's turn.</summary>
    /// <exception cref="ChatTemplateException">The template has something that is not understood, or refuses the conversation.</exception>
    internal RecordTokens Encode(InstructionRecord record)
    {
        List<object?> messages = Messages(record.Prompt);
        string plain = Render(messages, addGenerationPrompt: false), prompt = Render(messages, addGenerationPrompt: true);
        string whole = Render([.. messages, Message("assistant", record.Response)], addGenerationPrompt: false);
        if (!whole.StartsWith(plain, StringComparison.Ordinal) && !whole.StartsWith(prompt, StringComparison.Ordinal))
        {
            throw new ChatTemplateException($"{_source}: the template writes these messages otherwise when their answer is there, so it cannot be trained with");
        }

        // Some generation prompts say more than the template writes before a given answer, such as the beginning of a thought.
        int common = prompt.AsSpan().CommonPrefixLength(whole);
        int answer = whole.IndexOf(_tokenizer.ShieldMarkup(record.Response).Trim(), Math.Min(plain.Length, common), StringComparison.Ordinal);
        prompt = common == prompt.Length || answer < 0 ? whole[..common] : whole[..Math.Min(common, answer)];

        int[] promptTokens = _tokenizer.EncodeMarkup(prompt);
        int[] response = EncodeResponse(whole[prompt.Length..], record.Response, continuing: promptTokens is [.., var last] && !_tokenizer.Tables.Added.ContainsKey(last));
        int header = prompt.Length > plain.Length && prompt.StartsWith(plain, StringComparison.Ordinal)
            ? promptTokens.Length - _tokenizer.EncodeMarkup(plain).Length
            : 0;
        header = header is >= 0 and <= HeaderMax ? header : 0;
        return new RecordTokens([], promptTokens[..^header], promptTokens[^header..], response);
    }

    internal string Render(List<object?> messages, bool addGenerationPrompt)
    {
        try
        {
            return _template.Render(
            [
                .. _variables,
                KeyValuePair.Create<string, object?>("messages", messages),
                KeyValuePair.Create<string, object?>("add_generation_prompt", addGenerationPrompt),
            ]);
        }
        catch (ChatTemplateException e)
        {
            throw new ChatTemplateException($"{_source}: {e.Message}", e);
        }
    }

    /// <summary>A message as the template sees it.</summary>
    internal Dictionary<string, object?> Message(string role, string content) =>
        new(StringComparer.Ordinal) { ["role"] = role, ["content"] = _tokenizer.ShieldMarkup(content) };

    /// <summary>The tokens after the prompt up to the special token that ends the response, or with eos where the template ends it with none.</summary>
    private int[] EncodeResponse(string written, string response, bool continuing)
    {
        string content = _tokenizer.ShieldMarkup(response).Trim();
        int place = written.IndexOf(content, StringComparison.Ordinal);
        int? end = _tokenizer.EndOfFirstSpecial(written, place < 0 ? 0 : place + content.Length);
        int[] tokens = _tokenizer.EncodeMarkup(written[..(end ?? written.Length)], continuing);
        return end is null ? [.. tokens, _tokenizer.EosId] : tokens;
    }

    private List<object?> Messages(IReadOnlyList<PromptTurn> turns)
    {
        var messages = new List<object?>();
        for (int i = 0; i < turns.Count; i++)
        {
            bool hasInput = i + 1 < turns.Count && turns[i + 1].Role == PromptRole.Input;
            messages.Add(Message(
                turns[i].Role switch { PromptRole.System => "system", PromptRole.Response => "assistant", _ => "user" },
                hasInput ? $"{turns[i].Text}\n\n{turns[i + 1].Text}" : turns[i].Text));
            i += hasInput ? 1 : 0;
        }

        return messages;
    }

    private static string? ReadTemplate(string path, JsonElement? config) => config?.Find("chat_template") switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Array } several => several.EnumerateArray().FirstOrDefault(one => one.Text("name") == "default").Text("template")
            ?? throw new ModelFormatException($"{path}: chat_template has several templates, but none of them is named 'default'"),
        _ => null,
    };

    /// <summary>What a template may ask for beside the messages: the names of special tokens, and nothing for tools and documents.</summary>
    private static Dictionary<string, object?> Variables(JsonElement? config, Tokenizer tokenizer)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["tools"] = null,
            ["documents"] = null,
            ["strftime_now"] = JinjaFunctions.StrftimeOn(Date),
            ["eos_token"] = tokenizer.Tables.Pieces[tokenizer.EosId],
        };
        if (tokenizer.Prefix.Length > 0)
        {
            variables["bos_token"] = tokenizer.Tables.Pieces[tokenizer.BosId];
        }

        foreach (JsonProperty property in config?.EnumerateObject() ?? default)
        {
            if (property.Name.EndsWith("_token", StringComparison.Ordinal) && config?.TokenName(property.Name) is { } name)
            {
                variables[property.Name] = name;
            }
        }

        return variables;
    }
}
