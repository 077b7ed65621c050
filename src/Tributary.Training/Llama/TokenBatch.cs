namespace Tributary.Training;

/// <summary>Some sequences, their rows one after the other, without padding.</summary>
internal sealed class TokenBatch
{
    private readonly int[] _tokens;
    private readonly int[] _positions;
    private readonly int[] _starts;
    private readonly int[] _responseRows;
    private readonly int[] _targets;

    /// <summary>Makes room for that many sequences with that many rows together.</summary>
    public TokenBatch(int sequencesMax, int rowsMax)
    {
        _tokens = new int[rowsMax];
        _positions = new int[rowsMax];
        _responseRows = new int[rowsMax];
        _targets = new int[rowsMax];
        _starts = new int[sequencesMax + 1];
    }

    /// <summary>The number of rows.</summary>
    public int Rows { get; private set; }

    /// <summary>The number of sequences.</summary>
    public int Sequences { get; private set; }

    /// <summary>The number of rows whose next token counts in the loss.</summary>
    public int Responses { get; private set; }

    /// <summary>The token of each row.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Rows);

    /// <summary>The place of each row in its sequence.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Rows);

    /// <summary>The first row of each sequence, and after them the number of rows.</summary>
    public ReadOnlyMemory<int> Starts => _starts.AsMemory(0, Sequences + 1);

    /// <summary>The rows that count in the loss, in order.</summary>
    public ReadOnlySpan<int> ResponseRows => _responseRows.AsSpan(0, Responses);

    /// <summary>The token that each of those rows should predict.</summary>
    public ReadOnlySpan<int> Targets => _targets.AsSpan(0, Responses);

    /// <summary>Removes all sequences.</summary>
    public void Clear() => (Rows, Sequences, Responses) = (0, 0, 0);

    /// <summary>
    /// Adds a sequence. A row predicts the token after its own, so the last token has no row; rows count from the one that predicts
    /// the response's first token on.
    /// </summary>
    public void Add(ReadOnlySpan<int> tokens, int responseStart)
    {
        for (int i = 0; i < tokens.Length - 1; i++, Rows++)
        {
            _tokens[Rows] = tokens[i];
            _positions[Rows] = i;
            if (i + 1 >= responseStart)
            {
                _responseRows[Responses] = Rows;
                _targets[Responses++] = tokens[i + 1];
            }
        }

        _starts[++Sequences] = Rows;
    }
}
