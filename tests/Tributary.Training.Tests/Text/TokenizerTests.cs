using System.Text.Json.Nodes;

namespace Tributary.Training.Tests.Text;

public sealed class TokenizerTests
{
    private readonly Tokenizer _tokenizer = TestTokenizer.Load();

    [Theory]
    [InlineData("hello")]
    [InlineData("hello hello  hello")]
    [InlineData(" leading and trailing ")]
    [InlineData("     ")]
    [InlineData("line one\nline two\r\n\ttab\u0000")]
    [InlineData("Ünïcödé, 漢字 and 🦆🦅")]
    [InlineData("e\u0301 combining \u200d joiner")]
    [InlineData("literal ▁ inside")]
    [InlineData("</s><s><0x0A>")]
    [InlineData("")]
    public void Text_survives_being_encoded_and_decoded(string text) =>
        _tokenizer.Decode(_tokenizer.Encode(text, addBos: true)).ShouldBe(text.Replace('▁', ' '));

    [Fact]
    public void An_empty_text_has_no_tokens_but_the_first_one()
    {
        _tokenizer.Encode("", addBos: false).ShouldBeEmpty();
        _tokenizer.Encode("", addBos: true).ShouldBe([1]);
    }

    [Fact]
    public void Special_tokens_cannot_be_written_as_text()
    {
        int[] tokens = _tokenizer.Encode("</s> <s> <unk>", addBos: false);
        tokens.ShouldNotContain(_tokenizer.BosId);
        tokens.ShouldNotContain(_tokenizer.EosId);
        tokens.ShouldNotContain(0);
    }

    [Theory]
    [InlineData("hello", new[] { "▁hello" })]
    [InlineData("aaa", new[] { "▁", "aa", "a" })]
    [InlineData("ab", new[] { "▁a", "b" })]
    [InlineData("x   y", new[] { "▁", "x", "▁▁", "▁", "y" })]
    [InlineData("x    y", new[] { "▁", "x", "▁▁▁▁", "y" })]
    [InlineData("Z", new[] { "▁", "<0x5A>" })]
    public void Merges_are_taken_lowest_rank_first_and_leftmost_first(string text, string[] pieces) =>
        _tokenizer.Encode(text, addBos: false).Select(id => _tokenizer.Tables.Pieces[id]).ShouldBe(pieces);

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character() =>
        _tokenizer.Decode(_tokenizer.Encode("a" + (char)0xD800, addBos: false)).ShouldBe("a\uFFFD");

    [Fact]
    public void Merging_gives_what_a_search_through_all_pairs_gives()
    {
        var random = new SplitMix64(5);
        for (int i = 0; i < 300; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.NextBelow(90)).Select(_ => "hela o"[random.NextBelow(6)]));
            string[] pieces = [.. _tokenizer.Encode(text, addBos: false).Select(id => _tokenizer.Tables.Pieces[id])];
            string.Join("|", pieces).ShouldBe(string.Join("|", Slowly(text)));
        }
    }

    [Fact]
    public void A_long_text_takes_no_quadratic_time()
    {
        string text = string.Concat(Enumerable.Repeat("hello a ", 50_000));
        _tokenizer.Encode(text, addBos: false).Length.ShouldBe(100_001);
    }

    /// <summary>Words are merged one by one only where no piece spans two of them.</summary>
    [Fact]
    public void A_piece_that_spans_two_words_is_found()
    {
        Tokenizer spanning = TestTokenizer.Load(root =>
        {
            root["model"]!["vocab"]!["a▁"] = 400;
            root["model"]!["merges"]!.AsArray().Add(JsonNode.Parse("""["a","▁"]"""));
        });
        spanning.Encode("xa b", addBos: false).Select(id => spanning.Tables.Pieces[id]).ShouldBe(["▁", "x", "a▁", "b"]);
    }

    [Fact]
    public void Merges_as_pairs_in_one_string_are_read_like_lists()
    {
        Tokenizer older = TestTokenizer.Load(root =>
            root["model"]!["merges"] = new JsonArray([.. TestTokenizer.Merges.Select(merge => (JsonNode)$"{merge[0]} {merge[1]}")]));
        older.Encode("hello there", addBos: true).ShouldBe(_tokenizer.Encode("hello there", addBos: true));
    }

    [Fact]
    public void Spaces_by_Metaspace_are_those_of_the_normalizer()
    {
        Tokenizer newer = TestTokenizer.Load(root =>
        {
            root["normalizer"] = null;
            root["pre_tokenizer"] = JsonNode.Parse("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""");
        });
        newer.Encode("hello there", addBos: true).ShouldBe(_tokenizer.Encode("hello there", addBos: true));
    }

    [Fact]
    public void Pieces_that_come_one_by_one_hold_whole_characters_only()
    {
        const string Text = "aé 🦅 漢";
        var decoder = new TokenDecoder(_tokenizer, continuing: false);
        string[] pieces = [.. _tokenizer.Encode(Text, addBos: true).Select(decoder.Add), decoder.Flush()];
        string.Concat(pieces).ShouldBe(Text);
        pieces.ShouldContain("🦅");
        pieces.ShouldNotContain(piece => piece.Contains('\uFFFD'));
    }

    [Fact]
    public void A_character_that_never_becomes_whole_is_not_lost_silently()
    {
        var decoder = new TokenDecoder(_tokenizer, continuing: false);
        string text = decoder.Add(3 + 0xF0) + decoder.Add(3 + 0x9F) + decoder.Flush();
        text.ShouldContain("\uFFFD");
    }

    [Fact]
    public void Text_that_goes_on_keeps_its_leading_space()
    {
        int[] tokens = _tokenizer.Encode("hello", addBos: false);
        new TokenDecoder(_tokenizer, continuing: true).Add(tokens[0]).ShouldBe(" hello");
        new TokenDecoder(_tokenizer, continuing: false).Add(tokens[0]).ShouldBe("hello");
    }

    [Fact]
    public void A_token_beyond_the_vocabulary_is_refused() =>
        Should.Throw<ArgumentOutOfRangeException>(() => _tokenizer.Decode([_tokenizer.VocabularySize]));

    [Fact]
    public void Without_bytes_an_unknown_character_becomes_the_unknown_token_once()
    {
        Tokenizer without = TestTokenizer.Load(root => root["model"]!["byte_fallback"] = false);
        without.Encode("a漢字b", addBos: false).Count(id => id == 0).ShouldBe(1);
    }

    [Fact]
    public void The_names_of_the_end_tokens_come_from_tokenizer_config_where_it_has_them()
    {
        using var folder = new TestFolder();
        folder.Write("tokenizer.json", TestTokenizer.Json());
        folder.Write("tokenizer_config.json", """{"bos_token": {"content": "</s>"}, "eos_token": "<unk>"}""");
        Tokenizer tokenizer = Tokenizer.Load(folder.Path);
        (tokenizer.BosId, tokenizer.EosId).ShouldBe((2, 0));
    }

    /// <summary>Merges by looking at all neighbours again and again.</summary>
    private List<string> Slowly(string text)
    {
        List<string> pieces = text.Length == 0 ? [] : [.. ("▁" + text.Replace(' ', '▁')).Select(character => character.ToString())];
        while (true)
        {
            int best = -1, bestRank = int.MaxValue;
            for (int i = 0; i + 1 < pieces.Count; i++)
            {
                int rank = Array.FindIndex(TestTokenizer.Merges, merge => merge[0] == pieces[i] && merge[1] == pieces[i + 1]);
                if (rank >= 0 && rank < bestRank)
                {
                    (best, bestRank) = (i, rank);
                }
            }

            if (best < 0)
            {
                return pieces;
            }

            pieces[best] += pieces[best + 1];
            pieces.RemoveAt(best + 1);
        }
    }
}
