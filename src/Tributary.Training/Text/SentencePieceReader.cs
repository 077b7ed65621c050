using System.Text.Json;

namespace Tributary.Training;

/// <summary>Reads how a tokenizer in SentencePiece's style writes spaces: by the normalizers Prepend and Replace, or by the pre-tokenizer Metaspace.</summary>
internal static class SentencePieceReader
{
    /// <exception cref="FormatException">Something else is done to the text.</exception>
    public static SpaceScheme Read(JsonElement root)
    {
        bool prepend = false, replace = false;
        foreach (JsonElement step in root.Steps("normalizer"))
        {
            bool isPrepend = step.Text("type") == "Prepend" && step.Text("prepend") == "▁";
            bool isReplace = step.Text("type") == "Replace" && step.Text("content") == "▁"
                && step.Find("pattern") is { } pattern && pattern.Text("String") == " ";
            if (!isPrepend && !isReplace)
            {
                throw new FormatException($"normalizer {step.GetRawText()} is not supported; Prepend '▁' and Replace ' ' by '▁' are");
            }

            prepend |= isPrepend;
            replace |= isReplace;
        }

        string? metaspace = null;
        foreach (JsonElement step in root.Steps("pre_tokenizer"))
        {
            bool isMetaspace = step.Text("type") == "Metaspace" && step.Text("replacement") == "▁"
                && step.Find("split") is { ValueKind: JsonValueKind.False };
            if (!isMetaspace)
            {
                throw new FormatException($"pre_tokenizer {step.GetRawText()} is not supported; Metaspace '▁' without split is");
            }

            // Older files say add_prefix_space instead.
            metaspace = step.Text("prepend_scheme") ?? (step.Flag("add_prefix_space", missing: true) ? "always" : "never");
        }

        if (prepend && metaspace is not null)
        {
            throw new FormatException("spaces are put in front by the normalizer Prepend and by the pre-tokenizer Metaspace; one of both is supported");
        }

        return replace || metaspace is not null
            ? new SpaceScheme(prepend, metaspace)
            : throw new FormatException("nothing replaces spaces by '▁', so this is not SentencePiece's style");
    }
}
