using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Site;

/// <summary>
/// The model that a site holds between rounds where changes are exchanged: a message of weights, encoded as it came, or a plain file. Its
/// name is the model's digest, so that one rename both replaces the model and says which it is.
/// </summary>
internal sealed class HeldModel
{
    private readonly string _folder;

    public HeldModel(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
    }

    /// <summary>Whether the model of that digest is held.</summary>
    public bool Has(string digest) => File.Exists(Path(digest));

    /// <summary>Where the model of that digest lies, or is to be put.</summary>
    /// <exception cref="TaskFailedException">It is no digest. It comes from the server and becomes a file's name.</exception>
    public string Path(string digest) => digest.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == ':')
        ? System.IO.Path.Combine(_folder, digest.Replace(':', '-') + ".safetensors")
        : throw new TaskFailedException($"the task names a model '{digest}', which is no digest");

    /// <summary>Takes a message of weights as the model, as it lies, and forgets the others.</summary>
    public void Keep(string digest, string message)
    {
        DurableFile.Move(message, Path(digest));
        ForgetOthers(digest);
    }

    /// <summary>Writes the model of that digest and forgets the others.</summary>
    public void Replace(string digest, TensorSource model, CancellationToken cancellationToken)
    {
        new SafetensorsWriter(model).WriteFile(Path(digest), cancellationToken);
        ForgetOthers(digest);
    }

    private void ForgetOthers(string digest)
    {
        foreach (string path in Directory.GetFiles(_folder).Where(path => path != Path(digest)))
        {
            File.Delete(path);
        }
    }
}
