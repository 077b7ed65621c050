using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Tributary.Training;

/// <summary>Records of instructions and responses, as tokens.</summary>
public sealed class InstructionDataset
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly TrainingExample[] _examples;
    private readonly Tokenizer? _tokenizer;

    /// <summary>Records that are tokens already, of that tokenizer; of the model's own where there is none.</summary>
    internal InstructionDataset(TrainingExample[] examples, Tokenizer? tokenizer, int sequenceLength)
    {
        _examples = examples;
        _tokenizer = tokenizer;
        SequenceLength = sequenceLength;
    }

    /// <summary>The number of records.</summary>
    public int Count => _examples.Length;

    /// <summary>The most tokens of a record.</summary>
    public int SequenceLength { get; }

    /// <summary>The records that were too long, so that a part was left out.</summary>
    public int TruncatedCount => _examples.Count(example => example.Truncated);

    /// <summary>The tokens of all records.</summary>
    public long TokenCount => _examples.Sum(example => (long)example.Tokens.Length);

    /// <summary>The tokens of all records that count in the loss: responses and their ends.</summary>
    public long ResponseTokenCount => _examples.Sum(example => (long)example.Tokens.Length - example.ResponseStart);

    internal IReadOnlyList<TrainingExample> Examples => _examples;

    /// <summary>Reads a file of JSON lines; each is one of three shapes, blank ones are skipped.</summary>
    /// <remarks>
    /// {instruction, context?, response}; {instruction, input?, output}; {messages: [{role, content}, ...]}, where the last message of
    /// the assistant is the response, what comes before it the prompt, and what comes after it is not used. The prompt is made by
    /// <see cref="PromptTemplate"/>, or by the model's own chat template. The loss counts response tokens and the end of text alone. Of a record that is too long the
    /// middle of the prompt is left out first, then the end of the response, which always keeps at least a part.
    /// </remarks>
    /// <param name="path">The file, UTF-8.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="sequenceLength">The most tokens of a record, at least 64.</param>
    /// <param name="recordsMax">The most records, from the file's beginning; nothing for all.</param>
    /// <param name="template">The model's chat template; nothing for <see cref="PromptTemplate"/>.</param>
    /// <exception cref="TrainingDataException">The file is missing or empty, or a line is not a record or is refused by the template.</exception>
    public static InstructionDataset Load(string path, Tokenizer tokenizer, int sequenceLength, int? recordsMax = null, ChatTemplate? template = null)
    {
        const int SequenceLengthMin = 64; // the header of the response and a part of the prompt and of the response fit
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, SequenceLengthMin);
        ArgumentOutOfRangeException.ThrowIfLessThan(recordsMax ?? 1, 1, nameof(recordsMax));
        var examples = new List<TrainingExample>();
        int number = 0;
        try
        {
            foreach (string line in File.ReadLines(path, Strict))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                {
                    InstructionRecord record = InstructionRecord.Parse(line);
                    RecordTokens tokens = template is null ? PromptTemplate.Encode(tokenizer, record) : template.Encode(record);
                    examples.Add(TrainingExample.Create(tokens, sequenceLength));
                }

                if (examples.Count == recordsMax)
                {
                    break;
                }
            }
        }
        catch (FormatException e)
        {
            throw new TrainingDataException($"{path}, line {number}: {e.Message}.", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new TrainingDataException($"{path}: after line {number} there are bytes that are not UTF-8; save the file as UTF-8.", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TrainingDataException($"{path}: there is no such file; give the path of a .jsonl file with one record per line.", e);
        }

        return examples.Count > 0
            ? new InstructionDataset([.. examples], tokenizer, sequenceLength)
            : throw new TrainingDataException($"{path}: has no records; write one JSON object per line.");
    }

    /// <summary>Parts the records at random, the same way for the same seed.</summary>
    /// <param name="heldOut">The share to hold out, above 0 and below 1; of two or more records at least one falls to each part.</param>
    /// <param name="seed">The seed.</param>
    /// <returns>The records to train on and those to measure on, each in the file's order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is not between 0 and 1.</exception>
    /// <exception cref="TrainingDataException">There is only one record.</exception>
    public (InstructionDataset Train, InstructionDataset HeldOut) Split(double heldOut, ulong seed)
    {
        if (!(heldOut > 0 && heldOut < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(heldOut), heldOut, "The share to hold out is above 0 and below 1.");
        }

        if (Count < 2)
        {
            throw new TrainingDataException("There is only one record, so none can be held out; give at least two.");
        }

        int count = Math.Clamp((int)Math.Round(Count * heldOut), 1, Count - 1);
        int[] order = [.. Enumerable.Range(0, Count)];
        new SplitMix64(seed).Shuffle(order);
        return (Pick(order[count..]), Pick(order[..count]));
    }

    /// <summary>
    /// Parts the records by what is in each alone, so that one more or less moves no other: what differential privacy of a record is about. The same way for the same seed; about that share is held out.
    /// </summary>
    /// <param name="heldOut">How probable it is that a record is held out, above 0 and below 1.</param>
    /// <param name="seed">The seed.</param>
    /// <returns>The records to train on and those to measure on, each in the file's order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is not between 0 and 1.</exception>
    /// <exception cref="TrainingDataException">All records fell to one part.</exception>
    public (InstructionDataset Train, InstructionDataset HeldOut) SplitByContent(double heldOut, ulong seed)
    {
        if (!(heldOut > 0 && heldOut < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(heldOut), heldOut, "The share to hold out is above 0 and below 1.");
        }

        ILookup<bool, int> parts = Enumerable.Range(0, Count).ToLookup(place => IsHeldOut(_examples[place], heldOut, seed));
        return parts[true].Any() && parts[false].Any()
            ? (Select([.. parts[false]]), Select([.. parts[true]]))
            : throw new TrainingDataException($"Of {Count} records each is held out by a chance of its own, {heldOut}, and all fell to one part; give more records, or another 'held_out'.");
    }

    /// <summary>Some of the records, which are shared and not copied.</summary>
    /// <param name="places">Their places in this dataset, from 0, ascending; at least one.</param>
    public InstructionDataset Select(IReadOnlyList<int> places)
    {
        ArgumentOutOfRangeException.ThrowIfZero(places.Count);
        return new InstructionDataset([.. places.Select(place => _examples[place])], _tokenizer, SequenceLength);
    }

    /// <summary>Refuses a model that these tokens are not for.</summary>
    internal void RequireFits(LlamaConfig config)
    {
        _tokenizer?.RequireFits(config);
        if (SequenceLength > config.PositionsMax)
        {
            throw new ArgumentException(
                $"The dataset's sequences have up to {SequenceLength} tokens, the model's only {config.PositionsMax}: load it with fewer.");
        }
    }

    /// <summary>The most rows that any batch of that many records can have.</summary>
    internal int RowsMax(int batchSize) => _examples.Select(example => example.Rows).OrderDescending().Take(batchSize).Sum();

    /// <summary>The tokens of some records that count in the loss.</summary>
    internal int Responses(ReadOnlySpan<int> indices)
    {
        int count = 0;
        foreach (int index in indices)
        {
            count += _examples[index].Responses;
        }

        return count;
    }

    /// <summary>Puts some records into a batch and returns the number of their tokens.</summary>
    internal long FillBatch(TokenBatch batch, ReadOnlySpan<int> indices)
    {
        batch.Clear();
        long tokens = 0;
        foreach (int index in indices)
        {
            batch.Add(_examples[index].Tokens, _examples[index].ResponseStart);
            tokens += _examples[index].Tokens.Length;
        }

        return tokens;
    }

    private static bool IsHeldOut(TrainingExample example, double heldOut, ulong seed)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes(seed));
        hash.AppendData(BitConverter.GetBytes(example.ResponseStart));
        hash.AppendData(MemoryMarshal.AsBytes(example.Tokens.AsSpan()));
        return BinaryPrimitives.ReadUInt64LittleEndian(hash.GetHashAndReset()) * (1.0 / (1UL << 32) / (1UL << 32)) < heldOut;
    }

    private InstructionDataset Pick(int[] indices)
    {
        Array.Sort(indices);
        return Select(indices);
    }
}
