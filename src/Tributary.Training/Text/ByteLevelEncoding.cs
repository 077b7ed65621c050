using System.Buffers;
using System.Collections.Concurrent;
using System.Text;

namespace Tributary.Training;

/// <summary>The steps before merging of a byte-level tokenizer.</summary>
/// <param name="Splits">Each parts the parts of the one before.</param>
/// <param name="PrependsSpace">Whether a text that begins without a space is given one (add_prefix_space).</param>
/// <param name="IgnoresMerges">Whether a part that is a token is taken as it is, however merges would make it.</param>
internal sealed record ByteLevelSteps(IReadOnlyList<SplitPattern> Splits, bool PrependsSpace, bool IgnoresMerges);

/// <summary>
/// Byte pair encoding over the bytes of UTF-8, as GPT-2 and Llama 3 have it: patterns part a text into words, and the bytes of each
/// are merged.
/// </summary>
internal sealed class ByteLevelEncoding : TextEncoding
{
    private const int CachedLengthMax = 32;
    private const int CachedWordsMax = 1 << 16; // with keys and ids about 8 MB

    private readonly TokenizerTables _tables;
    private readonly ByteLevelSteps _steps;
    private readonly int[] _byteIds = new int[256];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cached;
    private int _cachedWords;

    /// <exception cref="FormatException">The vocabulary lacks a byte that text may have, and has no unknown token.</exception>
    public ByteLevelEncoding(TokenizerTables tables, ByteLevelSteps steps)
    {
        _tables = tables;
        _steps = steps;
        _ids = tables.Ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _cached = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int value = 0; value < 256; value++)
        {
            if (!tables.Ids.TryGetValue(ByteAlphabet.Character((byte)value).ToString(), out _byteIds[value]))
            {
                bool inText = value is not (0xC0 or 0xC1 or >= 0xF5); // UTF-8 has no such bytes
                _byteIds[value] = tables.UnknownId ?? (inText
                    ? throw new FormatException($"the vocabulary has no piece for the byte 0x{value:X2}, and there is no unknown token")
                    : -1);
            }
        }
    }

    public override bool PrependsSpace => _steps.PrependsSpace;

    public override string Normalize(string text, bool continuing) => text;

    public override void Encode(string text, bool atStart, bool continuing, List<int> tokens)
    {
        RuneText runes = RuneText.Create(_steps.PrependsSpace && !continuing && text[0] != ' ' ? " " + text : text);
        List<(int Start, int End)> parts = [(0, runes.Units.Length)];
        foreach (SplitPattern split in _steps.Splits)
        {
            var finer = new List<(int, int)>(parts.Count * 2);
            foreach ((int Start, int End) part in parts)
            {
                split.Split(runes.Units, part, finer);
            }

            parts = finer;
        }

        foreach ((int start, int end) in parts)
        {
            AddWord(runes.Slice(start, end), tokens);
        }
    }

    public override byte[] BytesOf(int token) => ByteAlphabet.Decode(_tables.Pieces[token]);

    private void AddWord(ReadOnlySpan<char> word, List<int> tokens)
    {
        if (_cached.TryGetValue(word, out int[]? known))
        {
            tokens.AddRange(known);
            return;
        }

        int bytesMax = Encoding.UTF8.GetMaxByteCount(word.Length);
        byte[] bytes = ArrayPool<byte>.Shared.Rent(bytesMax);
        int[] symbols = ArrayPool<int>.Shared.Rent(bytesMax);
        try
        {
            int count = Encoding.UTF8.GetBytes(word, bytes);
            count = FindWhole(bytes.AsSpan(0, count), symbols) ? 1 : MergeBytes(bytes.AsSpan(0, count), symbols);
            tokens.AddRange(symbols.AsSpan(0, count));
            if (word.Length <= CachedLengthMax && _cachedWords < CachedWordsMax && _cached.TryAdd(word, symbols[..count]))
            {
                Interlocked.Increment(ref _cachedWords);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
            ArrayPool<int>.Shared.Return(symbols);
        }
    }

    private bool FindWhole(ReadOnlySpan<byte> bytes, int[] symbols)
    {
        const int PieceLengthMax = 512; // longer than any piece of a vocabulary that is worth having
        if (!_steps.IgnoresMerges || bytes.Length > PieceLengthMax)
        {
            return false;
        }

        Span<char> piece = stackalloc char[PieceLengthMax];
        for (int i = 0; i < bytes.Length; i++)
        {
            piece[i] = ByteAlphabet.Character(bytes[i]);
        }

        return _ids.TryGetValue(piece[..bytes.Length], out symbols[0]);
    }

    private int MergeBytes(ReadOnlySpan<byte> bytes, int[] symbols)
    {
        int count = 0;
        foreach (byte value in bytes)
        {
            int id = _byteIds[value];
            if (count == 0 || id != _tables.UnknownId || symbols[count - 1] != id || !_tables.FuseUnknown)
            {
                symbols[count++] = id;
            }
        }

        return BytePairMerger.Merge(symbols.AsSpan(0, count), _tables.Merges);
    }
}
