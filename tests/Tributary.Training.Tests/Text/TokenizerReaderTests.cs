using System.Text.Json.Nodes;

namespace Tributary.Training.Tests.Text;

public sealed class TokenizerReaderTests
{
    [Fact]
    public void A_folder_without_a_tokenizer_is_named_and_the_way_out_is_said()
    {
        using var folder = new TestFolder();
        string message = Should.Throw<ModelFormatException>(() => Tokenizer.Load(folder.Path)).Message;
        message.ShouldContain(folder.Path);
        message.ShouldContain("tokenizer.json");
        message.ShouldContain("save_pretrained");
    }

    public static TheoryData<string, string, string> Unsupported => new()
    {
        { "model.type", "\"Unigram\"", "Unigram" },
        { "model.type", "\"WordPiece\"", "WordPiece" },
        { "pre_tokenizer", """{"type":"ByteLevel"}""", "byte-level" },
        { "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split"},{"type":"ByteLevel"}]}""", "byte-level" },
        { "decoder", """{"type":"ByteLevel"}""", "byte-level" },
        { "pre_tokenizer", """{"type":"Whitespace"}""", "Whitespace" },
        { "normalizer", """{"type":"NFKC"}""", "NFKC" },
        { "normalizer", "null", "SentencePiece" },
        { "model.ignore_merges", "true", "ignore_merges" },
        { "model.end_of_word_suffix", "\"</w>\"", "end_of_word_suffix" },
                { "added_tokens", """[{"id":0}]""", "tokenizers library" },
        { "model.merges", """["he"]""", "merge 0" },
        { "model.merges", "[[null,null]]", "merge 0" },
        { "model.merges", "[null]", "merge 0" },
        { "model.merges", """[["q","z"]]""", "merge 0" },
        { "model.vocab", """{"a":0}""", "<0x00>" },
        { "model.vocab", """{"a":-5}""", "-5" },
        { "model.vocab", """{"a":99999999}""", "99999999" },
        { "model.vocab", "[]", "tokenizers library" },
        { "model", "null", "'model'" },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void A_tokenizer_of_another_kind_is_refused_with_its_file_and_the_reason(string key, string value, string reason)
    {
        using var folder = new TestFolder();
        folder.Write("tokenizer.json", TestTokenizer.Json(root =>
        {
            string[] path = key.Split('.');
            JsonObject parent = path.Length == 2 ? root[path[0]]!.AsObject() : root;
            parent[path[^1]] = JsonNode.Parse(value);
        }));
        string message = Should.Throw<ModelFormatException>(() => Tokenizer.Load(folder.Path)).Message;
        message.ShouldContain(Path.Combine(folder.Path, "tokenizer.json"));
        message.ShouldContain(reason);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("")]
    public void A_file_that_is_no_JSON_object_is_refused_by_name(string text)
    {
        using var folder = new TestFolder();
        string path = folder.Write("tokenizer.json", text);
        Should.Throw<ModelFormatException>(() => Tokenizer.Load(folder.Path)).Message.ShouldContain(path);
    }
}
