namespace Tributary.Training;

/// <summary>What both kinds of tokenizer.json say.</summary>
internal sealed class TokenizerTables
{
    /// <summary>The text of each token by its id, added ones too; empty where an id is unused.</summary>
    public required string[] Pieces { get; init; }

    /// <summary>The id of each piece of the model's vocabulary.</summary>
    public required Dictionary<string, int> Ids { get; init; }

    /// <summary>The merges.</summary>
    public required MergeTable Merges { get; init; }

    /// <summary>The tokens that stand beside the vocabulary, by id.</summary>
    public required IReadOnlyDictionary<int, AddedToken> Added { get; init; }

    /// <summary>Tokens that are not text.</summary>
    public required HashSet<int> Special { get; init; }

    /// <summary>The token for what cannot be expressed otherwise.</summary>
    public required int? UnknownId { get; init; }

    /// <summary>Whether neighbouring unknown characters become one token.</summary>
    public required bool FuseUnknown { get; init; }

    /// <summary>The tokens that stand before a text of its own.</summary>
    public required int[] Prefix { get; init; }

    /// <summary>The token a text begins with.</summary>
    public required int BosId { get; init; }

    /// <summary>The token a text ends with.</summary>
    public required int EosId { get; init; }
}
