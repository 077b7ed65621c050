using System.Text.Json;

namespace Tributary.Training;

/// <summary>A line of a data file: the turns of the prompt, and the response to learn.</summary>
internal sealed record InstructionRecord(IReadOnlyList<PromptTurn> Prompt, string Response)
{
    private const string Shapes =
        "{instruction, context?, response}, {instruction, input?, output} or {messages: [{role, content}, ...]}";

    /// <summary>Reads a line of JSON in one of the three shapes.</summary>
    /// <exception cref="FormatException">It is not; the message says why, without file or line.</exception>
    public static InstructionRecord Parse(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException($"a JSON object is expected, in one of the shapes {Shapes}");
            }

            return root.TryGetProperty("messages", out JsonElement messages) ? ParseMessages(messages) : ParseInstruction(root);
        }
        catch (JsonException e)
        {
            throw new FormatException($"is not valid JSON ({e.Message}); write one JSON object per line", e);
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException($"has text that is not valid Unicode ({e.Message}); mend the escapes", e);
        }
    }

    private static InstructionRecord ParseInstruction(JsonElement root)
    {
        string instruction = Text(root, "instruction") ?? throw new FormatException($"has no 'instruction'; a record is one of {Shapes}");
        string? response = Text(root, "response") ?? Text(root, "output");
        if (string.IsNullOrWhiteSpace(response))
        {
            throw new FormatException($"has no response: give 'response' or 'output' some text, or remove the line; a record is one of {Shapes}");
        }

        return new InstructionRecord(PromptTemplate.Turns(instruction, Text(root, "context") ?? Text(root, "input")), response);
    }

    private static InstructionRecord ParseMessages(JsonElement messages)
    {
        if (messages.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException("'messages' is not a list of {role, content}");
        }

        var turns = new List<PromptTurn>();
        foreach (JsonElement message in messages.EnumerateArray())
        {
            string? role = message.ValueKind == JsonValueKind.Object ? Text(message, "role") : null;
            string? content = message.ValueKind == JsonValueKind.Object ? Text(message, "content") : null;
            if (role is null || content is null)
            {
                throw new FormatException("has a message without 'role' or 'content'; each is {role, content}");
            }

            turns.Add(new PromptTurn(
                role switch
                {
                    "system" => PromptRole.System,
                    "user" => PromptRole.Instruction,
                    "assistant" => PromptRole.Response,
                    _ => throw new FormatException($"has a message with role '{role}'; roles are system, user and assistant"),
                },
                content));
        }

        int last = turns.FindLastIndex(turn => turn.Role == PromptRole.Response);
        if (last < 0 || string.IsNullOrWhiteSpace(turns[last].Text))
        {
            throw new FormatException("has no response: the last message with role 'assistant' is what is learnt; add one, or remove the line");
        }

        if (last == 0)
        {
            throw new FormatException("has nothing before its response: add a message with role 'user', or remove the line");
        }

        return new InstructionRecord(turns[..last], turns[last].Text);
    }

    /// <summary>The text of a key; nothing where it is missing or null.</summary>
    private static string? Text(JsonElement parent, string key)
    {
        if (!parent.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw new FormatException($"has a '{key}' that is not text");
    }
}
