using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tributary.Training;

/// <summary>Reads the pre-tokenizer of a byte-level tokenizer: patterns, and ByteLevel at the end.</summary>
internal static class ByteLevelReader
{
    /// <summary>Whether a tokenizer.json is of this kind.</summary>
    public static bool IsByteLevel(JsonElement root) => root.Steps("pre_tokenizer").Concat(root.Steps("decoder")).Any(IsByteLevelStep);

    /// <exception cref="FormatException">There is a step that is not supported; the message says which.</exception>
    public static ByteLevelSteps Read(JsonElement root, bool ignoresMerges)
    {
        if (root.Steps("normalizer") is [var normalizer, ..])
        {
            throw new FormatException($"normalizer {normalizer.GetRawText()} is not supported in byte-level BPE; GPT-2 and Llama 3 have none");
        }

        JsonElement[] steps = root.Steps("pre_tokenizer");
        if (steps.Length == 0 || !IsByteLevelStep(steps[^1]))
        {
            throw new FormatException("pre_tokenizer does not end in ByteLevel, though this is byte-level BPE");
        }

        List<SplitPattern> splits = [.. steps[..^1].Select(ReadSplit)];
        bool ownPattern = steps[^1].Flag("use_regex", missing: true), prepends = steps[^1].Flag("add_prefix_space", missing: true);
        if (prepends && splits.Count > 0)
        {
            throw new FormatException("pre_tokenizer ByteLevel with add_prefix_space after other steps, for each of their parts, is not supported");
        }

        if (ownPattern)
        {
            splits.Add(new SplitPattern(SplitPattern.Gpt2));
        }

        return new ByteLevelSteps(splits, prepends, ignoresMerges);
    }

    private static bool IsByteLevelStep(JsonElement step) => step.Text("type") == "ByteLevel";

    private static SplitPattern ReadSplit(JsonElement step)
    {
        switch (step.Text("type"))
        {
            case "Digits":
                return new SplitPattern(step.Flag("individual_digits") ? @"\p{N}" : @"\p{N}+");
            case "Split":
                bool removed = step.Text("behavior") == "Removed" && step.Flag("invert"); // what does not match is dropped
                string? pattern = step.Find("pattern") is { } given ? given.Text("Regex") ?? (given.Text("String") is { } text ? Regex.Escape(text) : null) : null;
                if (pattern is not null && (removed || step.Text("behavior") == "Isolated"))
                {
                    return new SplitPattern(pattern, matchesOnly: removed);
                }

                goto default;
            default:
                throw new FormatException(
                    $"pre_tokenizer {step.GetRawText()} is not supported in byte-level BPE; Split with behavior Isolated, Digits and ByteLevel are");
        }
    }
}
