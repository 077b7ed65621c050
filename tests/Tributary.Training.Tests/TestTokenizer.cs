using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tributary.Training.Tests;

/// <summary>A small tokenizer.json: specials, bytes, lower-case letters and a few merges.</summary>
internal static class TestTokenizer
{
    public static readonly string[][] Merges =
        [["h", "e"], ["l", "l"], ["▁", "he"], ["ll", "o"], ["▁he", "llo"], ["a", "a"], ["▁", "▁"], ["▁▁", "▁▁"], ["▁", "a"]];

    /// <summary>The JSON, after a change if one is given.</summary>
    public static string Json(Action<JsonObject>? change = null)
    {
        string[] pieces =
        [
            "<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"),
            .. Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString()), "▁", "é", "🦆",
            .. Merges.Select(merge => merge[0] + merge[1]),
        ];
        var vocabulary = new JsonObject();
        for (int i = 0; i < pieces.Length; i++)
        {
            vocabulary[pieces[i]] = i;
        }

        var added = new JsonArray();
        for (int i = 0; i < 3; i++)
        {
            added.Add(new JsonObject { ["id"] = i, ["content"] = pieces[i], ["special"] = true });
        }

        var root = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = added,
            ["normalizer"] = JsonNode.Parse(
                """
                {"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
                 {"type":"Replace","pattern":{"String":" "},"content":"▁"}]}
                """),
            ["pre_tokenizer"] = null,
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = JsonNode.Parse(JsonSerializer.Serialize(Merges)),
            },
        };
        change?.Invoke(root);
        return root.ToJsonString();
    }

    /// <summary>Loads it from a folder of its own.</summary>
    public static Tokenizer Load(Action<JsonObject>? change = null)
    {
        using var folder = new TestFolder();
        folder.Write("tokenizer.json", Json(change));
        return Tokenizer.Load(folder.Path);
    }
}
