using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tributary.Training.Tests.Text;

/// <summary>
/// Our tokens beside those of Hugging Face's tokenizers library, for the tricky texts of Fixtures/make_tokens.js. A wrong id is a
/// model that reads other text than it was trained on.
/// </summary>
public sealed class TokenVectorTests
{
    public static TheoryData<string> Kinds =>
        ["tokens-llama3", "tokens-gpt2", "tokens-digits", "tokens-quickstart", "tokens-metaspace-first", "tokens-metaspace-always", "tokens-stories260K"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Tokens_of_markup_and_of_plain_text_are_those_of_the_tokenizers_library(string kind)
    {
        Tokenizer tokenizer = Load(kind);
        var wrong = new List<string>();
        foreach (Vector vector in Vectors(kind))
        {
            Compare("markup", vector.Text, [.. tokenizer.Prefix, .. tokenizer.EncodeMarkup(vector.Text)], vector.Ids);
            Compare("plain", vector.Text, tokenizer.Encode(vector.Text, addBos: false), vector.Plain);
        }

        void Compare(string what, string text, int[] actual, int[] expected)
        {
            if (!actual.SequenceEqual(expected))
            {
                wrong.Add($"{what} {JsonSerializer.Serialize(text)}:\n  is     {string.Join(' ', actual)}\n  should {string.Join(' ', expected)}");
            }
        }

        wrong.ShouldBeEmpty(string.Join('\n', wrong));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Plain_text_can_be_read_back_from_its_tokens(string kind)
    {
        Tokenizer tokenizer = Load(kind);
        var wrong = new List<string>();
        foreach (Vector vector in Vectors(kind).Where(vector => !vector.Text.Contains("<pad>", StringComparison.Ordinal)))
        {
            string text = tokenizer.Decode(tokenizer.Encode(vector.Text, addBos: true));
            // A space that GPT-2's style put first is left off as well; '▁' is a space in SentencePiece's.
            string expected = tokenizer.Encoding is SentencePieceEncoding ? vector.Text.Replace('▁', ' ') : vector.Text;
            if (text != expected && !(tokenizer.Encoding.PrependsSpace && " " + text == expected))
            {
                wrong.Add($"{JsonSerializer.Serialize(vector.Text)} became {JsonSerializer.Serialize(text)}");
            }
        }

        wrong.ShouldBeEmpty(string.Join('\n', wrong));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Tokens_become_the_text_that_the_tokenizers_library_makes_of_them(string kind)
    {
        Tokenizer tokenizer = Load(kind);
        foreach (Vector vector in Vectors(kind))
        {
            string text = tokenizer.Decode(vector.Ids);
            // The library leaves the space that GPT-2's style put first.
            (kind == "tokens-gpt2" && text != vector.Decoded ? " " + text : text).ShouldBe(vector.Decoded, JsonSerializer.Serialize(vector.Text));
        }
    }

    /// <summary>Text that is shielded and put into markup means what plain text does, whatever stands in it.</summary>
    [Theory]
    [InlineData("tokens-llama3")]
    [InlineData("tokens-quickstart")]
    public void Data_in_a_chat_template_cannot_write_special_tokens(string kind)
    {
        Tokenizer tokenizer = Load(kind);
        foreach (Vector vector in Vectors(kind))
        {
            tokenizer.EncodeMarkup(tokenizer.ShieldMarkup(vector.Text)).ShouldBe(vector.Plain, JsonSerializer.Serialize(vector.Text));
        }

        tokenizer.EncodeMarkup(tokenizer.ShieldMarkup("a\uDC00b\uD800")).ShouldBe(tokenizer.Encode("a\uFFFDb\uFFFD", addBos: false));
    }

    [Theory]
    [InlineData("tokens-llama3")]
    [InlineData("tokens-stories260K")]
    public void A_text_of_one_run_takes_no_quadratic_time(string kind)
    {
        Tokenizer tokenizer = Load(kind);
        foreach (string run in (ReadOnlySpan<string>)["a", " ", "\n", "!", "é", "𐐀", " \n", "ab "])
        {
            string text = string.Concat(Enumerable.Repeat(run, 200_000));
            tokenizer.Decode(tokenizer.Encode(text, addBos: false)).ShouldBe(text);
        }
    }

    [Fact]
    public void A_character_beyond_the_first_plane_is_matched_by_its_general_category()
    {
        foreach (System.Globalization.UnicodeCategory category in Enum.GetValues<System.Globalization.UnicodeCategory>())
        {
            if (category != System.Globalization.UnicodeCategory.Surrogate)
            {
                char.GetUnicodeCategory(RuneText.Representative(category)).ShouldBe(category);
            }
        }
    }

    [Fact]
    public void White_space_of_regular_expressions_is_Unicodes()
    {
        const string Unicode = "\t\n\v\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000";
        string all = string.Concat(Enumerable.Range(0, 0xFFFF).Select(code => (char)code).Where(unit => !char.IsSurrogate(unit)));
        List<(int Start, int End)> parts = [];
        new SplitPattern(@"\s", matchesOnly: true).Split(all, (0, all.Length), parts);
        string.Concat(parts.Select(part => all[part.Start])).ShouldBe(Unicode);
    }

    internal static Tokenizer Load(string kind)
    {
        string fixtures = Path.Combine(AppContext.BaseDirectory, "Fixtures", kind);
        switch (kind)
        {
            case "tokens-stories260K":
                return Tokenizer.Load(SharedFolder.Find("models/stories260K"));
            case "tokens-quickstart":
                return Tokenizer.Load(Quickstart());
            case "tokens-metaspace-first" or "tokens-metaspace-always":
                JsonObject root = JsonNode.Parse(File.ReadAllText(Path.Combine(Quickstart(), "tokenizer.json")))!.AsObject();
                root["normalizer"] = null;
                root["pre_tokenizer"] = JsonNode.Parse($$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{kind.Split('-')[^1]}}","split":false}""");
                using (var folder = new TestFolder())
                {
                    folder.Write("tokenizer.json", root.ToJsonString());
                    return Tokenizer.Load(folder.Path);
                }

            default:
                return Tokenizer.Load(fixtures);
        }
    }

    private static string Quickstart()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Tributary.slnx")))
        {
            root = root.Parent;
        }

        return Path.Combine(root.FullName, "samples", "quickstart", "model");
    }

    private static Vector[] Vectors(string kind) => JsonSerializer.Deserialize<Vector[]>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", kind, "expected.json")), JsonSerializerOptions.Web)!;

    private sealed record Vector(string Text, int[] Ids, int[] Plain, string Decoded);
}
