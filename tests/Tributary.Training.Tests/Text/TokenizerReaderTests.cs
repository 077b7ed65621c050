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

    public static TheoryData<string, string, string> UnsupportedOverBytes => new()
    {
        { "normalizer", """{"type":"NFC"}""", "NFC" },
        { "pre_tokenizer", """{"type":"Whitespace"}""", "does not end in ByteLevel" },
        { "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Punctuation"},{"type":"ByteLevel"}]}""", "Punctuation" },
        { "pre_tokenizer", Split("""{"Regex":"a"}""", "MergedWithNext"), "MergedWithNext" },
        { "pre_tokenizer", Split("""{"Regex":"\\w+"}"""), "'\\w'" },
        { "pre_tokenizer", Split("""{"Regex":"[a&&b]"}"""), "'&&'" },
        { "pre_tokenizer", Split("""{"Regex":"^a"}"""), "'^'" },
        { "pre_tokenizer", Split("""{"Regex":"\\p{Han}"}"""), "is not understood" },
        { "pre_tokenizer", Split("""{"Regex":"𐐀"}"""), "U+FFFF" },
        { "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Digits"},{"type":"ByteLevel","add_prefix_space":true}]}""", "add_prefix_space" },
        { "model.byte_fallback", "true", "byte_fallback" },
        { "model.vocab", """{"a":0}""", "merge 0" },
        { "model", """{"type":"BPE","vocab":{"a":0},"merges":[]}""", "the byte 0x00" },
    };

    [Theory]
    [MemberData(nameof(UnsupportedOverBytes))]
    public void A_byte_level_tokenizer_with_a_part_that_would_give_other_tokens_is_refused_with_the_reason(string key, string value, string reason)
    {
        string fixture = Path.Combine(AppContext.BaseDirectory, "Fixtures", "tokens-llama3");
        JsonObject root = JsonNode.Parse(File.ReadAllText(Path.Combine(fixture, "tokenizer.json")))!.AsObject();
        string[] path = key.Split('.');
        JsonObject parent = path.Length == 2 ? root[path[0]]!.AsObject() : root;
        parent[path[^1]] = JsonNode.Parse(value);
        using var folder = new TestFolder();
        folder.Write("tokenizer.json", root.ToJsonString());
        File.Copy(Path.Combine(fixture, "tokenizer_config.json"), Path.Combine(folder.Path, "tokenizer_config.json"));
        string message = Should.Throw<ModelFormatException>(() => Tokenizer.Load(folder.Path)).Message;
        message.ShouldContain(Path.Combine(folder.Path, "tokenizer.json"));
        message.ShouldContain(reason);
    }

    /// <summary>Llama 3's bos stands in its post-processor; its config.json names the ends where tokenizer_config.json is missing.</summary>
    [Fact]
    public void The_ends_come_from_the_models_configuration_where_nothing_else_names_them()
    {
        using var folder = new TestFolder();
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Fixtures", "tokens-llama3", "tokenizer.json"), Path.Combine(folder.Path, "tokenizer.json"));
        Should.Throw<ModelFormatException>(() => Tokenizer.Load(folder.Path)).Message.ShouldContain("eos_token");
        folder.Write("config.json", """{"eos_token_id": [645, 648]}""");
        Tokenizer tokenizer = Tokenizer.Load(folder.Path);
        (tokenizer.Tables.Pieces[tokenizer.BosId], tokenizer.Tables.Pieces[tokenizer.EosId]).ShouldBe(("<|begin_of_text|>", "<|end_of_text|>"));
        tokenizer.Encode("a", addBos: true).Length.ShouldBe(2);
    }

    private static string Split(string pattern, string behavior = "Isolated") =>
        $$"""{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{{pattern}},"behavior":"{{behavior}}","invert":false},{"type":"ByteLevel","use_regex":false,"add_prefix_space":false}]}""";

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
