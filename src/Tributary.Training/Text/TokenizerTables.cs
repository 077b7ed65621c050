namespace Tributary.Training;

/// <summary>What a tokenizer.json says.</summary>
internal sealed class TokenizerTables
{
    /// <summary>The text of each token by its id; empty where an id is unused.</summary>
    public required string[] Pieces { get; init; }

    /// <summary>The id of each piece.</summary>
    public required Dictionary<string, int> Ids { get; init; }

    /// <summary>For a pair of neighbours, the rank of their merge (lower first) and the token they become.</summary>
    public required Dictionary<(int Left, int Right), (int Rank, int Id)> Merges { get; init; }

    /// <summary>The tokens of single bytes, or nothing where the vocabulary has none.</summary>
    public required int[]? ByteIds { get; init; }

    /// <summary>The byte each token stands for, or -1.</summary>
    public required short[] BytesOf { get; init; }

    /// <summary>Tokens that are not text.</summary>
    public required HashSet<int> Special { get; init; }

    /// <summary>The token for what cannot be expressed otherwise.</summary>
    public required int? UnknownId { get; init; }

    /// <summary>Whether neighbouring unknown characters become one token.</summary>
    public required bool FuseUnknown { get; init; }

    /// <summary>Whether a text is given a space in front.</summary>
    public required bool PrependSpace { get; init; }

    /// <summary>Whether that is left out where the text has one already.</summary>
    public required bool PrependOnlyMissing { get; init; }

    /// <summary>The token a text begins with.</summary>
    public required int BosId { get; init; }

    /// <summary>The token a text ends with.</summary>
    public required int EosId { get; init; }
}
