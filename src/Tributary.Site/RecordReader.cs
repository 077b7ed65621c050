using Tributary.Federation.Jobs;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>Reads records as the trainer inside takes them: by a model's tokenizer, in the job's template and length.</summary>
public sealed class RecordReader
{
    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate? _template;
    private readonly int _sequenceLength;

    /// <summary>Reads what belongs to the model.</summary>
    /// <param name="modelFolder">A folder with config.json and tokenizer.json, and where the job asks for it the chat template.</param>
    /// <param name="train">The job's side of it.</param>
    /// <exception cref="ModelFormatException">The folder cannot be used, or its model is too small for the job.</exception>
    public RecordReader(string modelFolder, JobTraining train)
    {
        Config = LlamaConfig.Load(modelFolder);
        _tokenizer = LoadTokenizer(modelFolder, Config);
        if (train.SequenceLength > Config.PositionsMax)
        {
            throw new ModelFormatException(
                $"train.sequence_length is {train.SequenceLength}, but {modelFolder}/config.json allows at most {Config.PositionsMax} (max_position_embeddings)");
        }

        _template = train.Template == RecordTemplate.Chat ? ChatTemplate.Load(modelFolder, _tokenizer) : null;
        _sequenceLength = train.SequenceLength;
    }

    /// <summary>The model's sizes.</summary>
    public LlamaConfig Config { get; }

    /// <summary>Reads a JSONL file, or its first records.</summary>
    /// <exception cref="TrainingDataException">The records cannot be used; the message names file and line.</exception>
    public InstructionDataset Read(string path, int? recordsMax = null) => InstructionDataset.Load(path, _tokenizer, _sequenceLength, recordsMax, _template);

    private static Tokenizer LoadTokenizer(string modelFolder, LlamaConfig config)
    {
        Tokenizer tokenizer = Tokenizer.Load(modelFolder);
        try
        {
            tokenizer.RequireFits(config);
            return tokenizer;
        }
        catch (ModelFormatException e)
        {
            throw new ModelFormatException($"{modelFolder}: {e.Message}", e);
        }
    }
}
