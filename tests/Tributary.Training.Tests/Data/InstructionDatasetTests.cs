namespace Tributary.Training.Tests.Data;

public sealed class InstructionDatasetTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly Tokenizer _tokenizer = TestTokenizer.Load();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"instruction":"ask","context":"given","response":"hello"}""", "Instruction:\nask\n\nInput:\ngiven\n\nResponse:\n")]
    [InlineData("""{"instruction":"ask","context":"","response":"hello"}""", "Instruction:\nask\n\nResponse:\n")]
    [InlineData("""{"instruction":"ask","context":null,"response":"hello","category":"x"}""", "Instruction:\nask\n\nResponse:\n")]
    [InlineData("""{"instruction":"ask","input":"given","output":"hello"}""", "Instruction:\nask\n\nInput:\ngiven\n\nResponse:\n")]
    [InlineData("""{"instruction":"ask","output":"hello"}""", "Instruction:\nask\n\nResponse:\n")]
    [InlineData(
        """{"messages":[{"role":"user","content":"ask"},{"role":"assistant","content":"hello"}]}""", "Instruction:\nask\n\nResponse:\n")]
    [InlineData(
        """
        {"messages":[{"role":"system","content":"be"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},
        {"role":"user","content":"ask"},{"role":"assistant","content":"hello"},{"role":"user","content":"thanks"}]}
        """,
        "System:\nbe\n\nInstruction:\na\n\nResponse:\nb\n\nInstruction:\nask\n\nResponse:\n")]
    public void Every_shape_of_record_becomes_the_documented_prompt_and_its_response(string line, string prompt)
    {
        InstructionDataset dataset = Load(line.ReplaceLineEndings(""));
        TrainingExample example = dataset.Examples.Single();
        example.Tokens[0].ShouldBe(_tokenizer.BosId);
        example.Tokens[^1].ShouldBe(_tokenizer.EosId);
        _tokenizer.Decode(example.Tokens.AsSpan(example.ResponseStart)).ShouldBe("hello");
        // The last header is encoded on its own, which puts a space in front of it.
        string text = _tokenizer.Decode(example.Tokens.AsSpan(1, example.ResponseStart - 1));
        text.ShouldBe(prompt.Insert(prompt.Length - PromptTemplate.ResponseHeader.Length, " "));
        dataset.ResponseTokenCount.ShouldBe(example.Tokens.Length - example.ResponseStart);
        dataset.TruncatedCount.ShouldBe(0);
    }

    [Theory]
    [InlineData("dolly-151.jsonl", 151)]
    [InlineData("self-instruct-175.jsonl", 175)]
    [InlineData("gsm8k-1319.jsonl", 1319)]
    public void Published_data_is_read_as_it_lies(string name, int records)
    {
        Tokenizer tokenizer = Tokenizer.Load(SharedFolder.Find("models/stories260K"));
        InstructionDataset dataset = InstructionDataset.Load(SharedFolder.Find("data/" + name), tokenizer, 512);
        dataset.Count.ShouldBe(records);
        dataset.TruncatedCount.ShouldBeInRange(1, records / 2);
        dataset.Examples.ShouldAllBe(example => example.Tokens.Length <= 512 && example.Tokens.Length - example.ResponseStart > 1);
    }

    [Fact]
    public void Blank_lines_and_a_last_line_without_an_end_are_no_trouble() =>
        Load("\n" + Record("a") + "\n   \n\r\n" + Record("b")).Count.ShouldBe(2);

    [Fact]
    public void Only_the_records_asked_for_are_read() =>
        InstructionDataset.Load(Write(Record("a") + "\n" + Record("b") + "\nbroken"), _tokenizer, 128, recordsMax: 2).Count.ShouldBe(2);

    [Theory]
    [InlineData("{\"instruction\":", "JSON")]
    [InlineData("[1]", "object")]
    [InlineData("""{"prompt":"a"}""", "instruction")]
    [InlineData("""{"instruction":"a"}""", "no response")]
    [InlineData("""{"instruction":"a","response":"  "}""", "no response")]
    [InlineData("""{"instruction":"a","output":null}""", "no response")]
    [InlineData("""{"instruction":7,"output":"b"}""", "'instruction'")]
    [InlineData("""{"instruction":"\ud800","output":"b"}""", "Unicode")]
    [InlineData("""{"messages":{}}""", "'messages'")]
    [InlineData("""{"messages":[]}""", "assistant")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}]}""", "assistant")]
    [InlineData("""{"messages":[{"role":"assistant","content":"a"}]}""", "before")]
    [InlineData("""{"messages":[{"role":"user"},{"role":"assistant","content":"a"}]}""", "'content'")]
    [InlineData("""{"messages":["hello"]}""", "'role'")]
    [InlineData("""{"messages":[{"role":"tool","content":"a"},{"role":"assistant","content":"a"}]}""", "tool")]
    public void A_line_that_is_no_record_is_refused_with_its_file_its_number_and_the_reason(string line, string reason)
    {
        string path = Write(Record("fine") + "\n\n" + line);
        string message = Should.Throw<TrainingDataException>(() => InstructionDataset.Load(path, _tokenizer, 128)).Message;
        message.ShouldContain($"{path}, line 3");
        message.ShouldContain(reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \n")]
    public void A_file_without_records_is_refused_by_name(string text)
    {
        string path = Write(text);
        Should.Throw<TrainingDataException>(() => InstructionDataset.Load(path, _tokenizer, 128)).Message.ShouldContain(path);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused_and_not_replaced()
    {
        string path = Path.Combine(_folder.Path, "latin1.jsonl");
        File.WriteAllBytes(path, System.Text.Encoding.Latin1.GetBytes(Record("café")));
        string message = Should.Throw<TrainingDataException>(() => InstructionDataset.Load(path, _tokenizer, 128)).Message;
        message.ShouldContain(path);
        message.ShouldContain("UTF-8");
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        string path = Path.Combine(_folder.Path, "nowhere", "data.jsonl");
        Should.Throw<TrainingDataException>(() => InstructionDataset.Load(path, _tokenizer, 128)).Message.ShouldContain(path);
    }

    [Fact]
    public void Of_a_long_prompt_the_middle_is_left_out_and_the_response_stays_whole()
    {
        string prompt = "begin" + new string('m', 500) + "finish";
        TrainingExample example = Load(Record(prompt, "hello a hello")).Examples.Single();
        example.Truncated.ShouldBeTrue();
        example.Tokens.Length.ShouldBe(128);
        string text = _tokenizer.Decode(example.Tokens.AsSpan(0, example.ResponseStart));
        text.ShouldContain("Instruction:\nbegin");
        text.ShouldContain("finish\n\n");
        text.ShouldEndWith(PromptTemplate.ResponseHeader);
        _tokenizer.Decode(example.Tokens.AsSpan(example.ResponseStart)).ShouldBe("hello a hello");
        example.Tokens[^1].ShouldBe(_tokenizer.EosId);
    }

    [Fact]
    public void Of_a_long_response_as_much_as_fits_stays_and_it_does_not_pretend_to_end()
    {
        TrainingExample example = Load(Record(new string('p', 500), new string('r', 500))).Examples.Single();
        example.Tokens.Length.ShouldBe(128);
        (example.Tokens.Length - example.ResponseStart).ShouldBeGreaterThan(60);
        (example.ResponseStart - 1).ShouldBeGreaterThanOrEqualTo(32);
        example.Tokens.ShouldNotContain(_tokenizer.EosId);
    }

    [Fact]
    public void A_short_prompt_is_kept_whole_beside_a_long_response()
    {
        InstructionDataset dataset = Load(Record("ask", new string('r', 500)) + "\n" + Record("ask"));
        dataset.TruncatedCount.ShouldBe(1);
        TrainingExample example = dataset.Examples[0];
        example.Tokens.Length.ShouldBe(128);
        _tokenizer.Decode(example.Tokens.AsSpan(0, example.ResponseStart)).ShouldStartWith("Instruction:\nask\n\n");
    }

    [Fact]
    public void Holding_out_is_the_same_for_the_same_seed_and_loses_no_record()
    {
        InstructionDataset dataset = Load(string.Join('\n', Enumerable.Range(0, 26).Select(i => Record(((char)('a' + i)).ToString()))));
        (InstructionDataset train, InstructionDataset heldOut) = dataset.Split(0.25, 7);
        (train.Count, heldOut.Count).ShouldBe((20, 6));
        train.Examples.Concat(heldOut.Examples).ToHashSet().SetEquals(dataset.Examples).ShouldBeTrue();
        dataset.Split(0.25, 7).HeldOut.Examples.ShouldBe(heldOut.Examples);
        dataset.Split(0.25, 8).HeldOut.Examples.ShouldNotBe(heldOut.Examples);
    }

    [Fact]
    public void Held_out_by_content_no_record_is_moved_by_another_that_comes_or_goes()
    {
        string[] lines = [.. Enumerable.Range(0, 200).Select(i => Record($"record {i}"))];
        (InstructionDataset train, InstructionDataset heldOut) = Load(string.Join('\n', lines)).SplitByContent(0.25, 7);
        heldOut.Count.ShouldBeInRange(30, 70);
        (InstructionDataset less, InstructionDataset lessHeldOut) = Load(string.Join('\n', lines.Where((_, place) => place != 100))).SplitByContent(0.25, 7);
        (Texts(train).Except(Texts(less)).Count() + Texts(heldOut).Except(Texts(lessHeldOut)).Count()).ShouldBe(1);
        (less.Count + lessHeldOut.Count).ShouldBe(199);
        Load(string.Join('\n', lines)).SplitByContent(0.25, 8).HeldOut.Count.ShouldBeInRange(30, 70);
        Texts(Load(string.Join('\n', lines)).SplitByContent(0.25, 8).HeldOut).ShouldNotBe(Texts(heldOut));

        IEnumerable<string> Texts(InstructionDataset dataset) => dataset.Examples.Select(example => _tokenizer.Decode(example.Tokens));
    }

    [Theory]
    [InlineData(0.001, 1)]
    [InlineData(0.999, 2)]
    public void Each_part_has_a_record_however_small_its_share(double share, int heldOutCount)
    {
        InstructionDataset dataset = Load(string.Join('\n', Record("a"), Record("b"), Record("c")));
        (InstructionDataset train, InstructionDataset heldOut) = dataset.Split(share, 1);
        (train.Count, heldOut.Count).ShouldBe((3 - heldOutCount, heldOutCount));
    }

    [Fact]
    public void A_single_record_cannot_be_parted()
    {
        Should.Throw<TrainingDataException>(() => Load(Record("a")).Split(0.5, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => Load(Record("a")).Split(1, 1));
    }

    private static string Record(string instruction, string response = "hello") =>
        $$"""{"instruction":"{{instruction}}","response":"{{response}}"}""";

    private string Write(string text) => _folder.Write("data.jsonl", text);

    private InstructionDataset Load(string text) => InstructionDataset.Load(Write(text), _tokenizer, 128);
}
