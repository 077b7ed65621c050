namespace Tributary.Tensors.Checkpoints;

/// <summary>The files that a checkpoint folder holds besides its weights and that belong to every model made from it.</summary>
public static class CheckpointCompanions
{
    private static readonly string[] Names =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "chat_template.jinja",
    ];

    /// <summary>Copies those that are there.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string name in Names.Where(name => File.Exists(Path.Combine(from, name))))
        {
            // Read and written, not copied: a copy would keep the access rights of a folder that may be read-only.
            DurableFile.Write(Path.Combine(to, name), 0, stream => stream.Write(File.ReadAllBytes(Path.Combine(from, name))));
        }
    }
}
