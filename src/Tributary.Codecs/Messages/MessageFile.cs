using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Tensors.Safetensors;

namespace Tributary.Codecs.Messages;

/// <summary>
/// A message: a safetensors file whose tensors may be encoded. A plain checkpoint is one too, all of it dense. As a source its tiles
/// are the bytes of the file; a <see cref="DequantizedSource"/> over it gives the values.
/// </summary>
public sealed class MessageFile : TensorSource
{
    private readonly SafetensorsFile _file;

    private MessageFile(SafetensorsFile file)
    {
        _file = file;
        Manifest = MessageFormat.Interpret(file.Header, file.Path);
    }

    /// <summary>The file's path.</summary>
    public string Path => _file.Path;

    /// <summary>The bytes before the first tensor's: names, shapes, precisions.</summary>
    public int HeaderBytes => _file.Header.Bytes.Length;

    /// <inheritdoc/>
    public override TensorManifest Manifest { get; }

    /// <inheritdoc/>
    public override bool IsStored => true;

    /// <summary>Opens a message.</summary>
    /// <exception cref="TensorFormatException">The file is malformed or its metadata does not fit; the message names it and what is wrong.</exception>
    public static MessageFile Open(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            return new MessageFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a checkpoint folder or file whose tensors may be encoded.</summary>
    /// <exception cref="FileNotFoundException">There are no weights there.</exception>
    /// <exception cref="TensorFormatException">A file is malformed; the message names it.</exception>
    public static Checkpoint OpenCheckpoint(string path) => Checkpoint.Open(path, Open);

    /// <summary>Plans the message of a source, whose tensors may be encoded.</summary>
    public static SafetensorsWriter Plan(TensorSource source) => new(source, MessageFormat.Describe(source.Manifest));

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination) =>
        _file.ReadBytes(tile.Tensor, Manifest[tile.Tensor].TileOffset(tile.Index) + offset, destination);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _file.Dispose();
        base.Dispose(disposing);
    }
}
