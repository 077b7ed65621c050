using Tributary.Codecs;
using Tributary.Codecs.Messages;
using Tributary.Federation.Aggregation;
using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Site;

/// <summary>
/// Error feedback: what the precision lost of a job's results so far, tensor by tensor, which the next result brings. Seide et al. 2014,
/// "1-bit stochastic gradient descent"; Karimireddy et al. 2019, "Error feedback fixes SignSGD".
/// </summary>
/// <remarks>
/// A residual's name is the digest of the result that left it. Which result counts the server says with each task, so a result that was sent twice,
/// or whose answer was lost, or that came to nothing, is added or left out exactly once, whenever either party was killed.
/// </remarks>
internal sealed class ResidualFolder(string folder)
{
    private const string Suffix = ".safetensors";
    private const string Unsent = "next" + Suffix;

    /// <summary>What is still to be brought; null where nothing is. Residuals of results that do not count are removed.</summary>
    /// <param name="job">The job's name.</param>
    /// <param name="counted">The digest of this site's last result that counts, as the server says; null where none does.</param>
    public TensorSource? Open(string job, string? counted)
    {
        string path = counted is null ? string.Empty : PathOf(job, counted);
        if (Directory.Exists(FolderOf(job)))
        {
            foreach (string other in Directory.GetFiles(FolderOf(job)).Where(other => other != path))
            {
                File.Delete(other);
            }
        }

        return File.Exists(path) ? SafetensorsFile.Open(path) : null;
    }

    /// <summary>Writes what a message lacks of what it was made of. It has no name yet, and counts for nothing.</summary>
    /// <param name="job">The job.</param>
    /// <param name="sent">What was encoded.</param>
    /// <param name="messagePath">The message.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    public void Write(Job job, QuantizedSource sent, string messagePath, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(FolderOf(job.Name));
        using var message = MessageFile.Open(messagePath);
        using var decoded = new DequantizedSource(message);
        var lost = new DeltaSource(sent.Dense, decoded);
        IEnumerable<int> encoded = Enumerable.Range(0, sent.Manifest.Count).Where(place => !sent.Manifest[place].IsDense);
        TensorSource kept = new SelectedTensors(lost, encoded);
        kept = job.Feedback < 1 ? new ScaledSource(kept, (float)job.Feedback) : kept;
        new SafetensorsWriter(kept).WriteFile(Path.Combine(FolderOf(job.Name), Unsent), cancellationToken);
    }

    /// <summary>Names what was written last by the digest of its message, before the server is told of that. Nothing, where it has its name or nothing was lost.</summary>
    public void Name(string job, string digest)
    {
        string unsent = Path.Combine(FolderOf(job), Unsent);
        if (File.Exists(unsent))
        {
            DurableFile.Move(unsent, PathOf(job, digest));
        }
    }

    private string FolderOf(string job) => Path.Combine(folder, job);

    private string PathOf(string job, string digest) => digest.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == ':')
        ? Path.Combine(FolderOf(job), digest.Replace(':', '-') + Suffix)
        : throw new TaskFailedException($"the task names a result '{digest}', which is no digest");
}
