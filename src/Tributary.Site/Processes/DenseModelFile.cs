using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Site.Processes;

/// <summary>A model as a safetensors file that any program can read.</summary>
internal static class DenseModelFile
{
    /// <summary>The file in which the model lies as it is; null where its tiles are computed.</summary>
    public static string? Find(TensorSource model) => model switch
    {
        SafetensorsFile file => file.Path,
        MessageFile { Manifest.IsDense: true } message => message.Path,
        DequantizedSource decoded => Find(decoded.Encoded),
        _ => null,
    };

    /// <summary>Writes the model tile by tile. The file need not outlive the task, so it is not forced to the disk.</summary>
    /// <exception cref="IOException">The disk is full, or the folder cannot be written.</exception>
    public static void Write(TensorSource model, string path, CancellationToken cancellationToken)
    {
        var writer = new SafetensorsWriter(model);
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            BufferSize = 0,
            PreallocationSize = writer.Header.FileLength,
        });
        writer.WriteTo(stream.Write, cancellationToken);
    }
}
