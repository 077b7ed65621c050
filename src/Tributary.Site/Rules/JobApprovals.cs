using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Tensors;

namespace Tributary.Site.Rules;

/// <summary>
/// The jobs that a person at the site says yes or no to, in files of the site's folder: the agent writes down what came, the person what is answered,
/// each a file of its own that is there whole or not at all. So both may write at any time, and answers outlive the agent and the server.
/// </summary>
/// <remarks>An answer is for one digest. A job that was changed, or submitted once more, is another one and waits again.</remarks>
public sealed class JobApprovals
{
    private const string Asked = ".job.json";
    private const string Answered = ".answer.json";
    private const int PrefixDigitsMin = 12;
    private const string Algorithm = "sha256:";

    private readonly string _folder;

    /// <summary>Looks into a site's folder; nothing is made there yet.</summary>
    /// <param name="siteFolder">The folder that the site's configuration names.</param>
    public JobApprovals(string siteFolder) => _folder = Path.Combine(siteFolder, "approvals");

    /// <summary>All jobs that came, in the order in which they did.</summary>
    /// <exception cref="IOException">A file cannot be read, or is not what it was; it is named.</exception>
    public IReadOnlyList<JobApproval> List() => !Directory.Exists(_folder) ? [] :
        [.. Directory.GetFiles(_folder, "*" + Asked).Select(Open).OrderBy(job => job.Asked).ThenBy(job => job.Digest, StringComparer.Ordinal)];

    /// <summary>The one job whose digest begins so: all of it, or at least twelve of its digits.</summary>
    /// <exception cref="ProvisioningException">There is none, or more than one.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public JobApproval Find(string digest)
    {
        string digits = digest.StartsWith(Algorithm, StringComparison.Ordinal) ? digest[Algorithm.Length..] : digest;
        if (digits.Length < PrefixDigitsMin)
        {
            throw new ProvisioningException($"'{digest}' is too short to name a job; give its digest as 'site jobs' shows it, or at least {PrefixDigitsMin} digits of it");
        }

        JobApproval[] found = [.. List().Where(job => job.Digest.StartsWith(Algorithm + digits, StringComparison.Ordinal))];
        return found switch
        {
            [var only] => only,
            [] => throw new ProvisioningException($"no job with the digest {digest} has come to this site; 'site jobs' shows those that have"),
            _ => throw new ProvisioningException($"{found.Length} jobs have digests that begin with {digest}; give the whole digest"),
        };
    }

    /// <summary>Writes down what a person says to a job.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Answer(JobApproval job, ApprovalAnswer answer) =>
        DurableFile.WriteText(NameOf(job.Digest, Answered), JsonSerializer.Serialize(answer, ApprovalJson.Default.ApprovalAnswer));

    /// <summary>What was said to a job; null where nobody has answered.</summary>
    /// <exception cref="IOException">The answer cannot be read.</exception>
    internal ApprovalAnswer? AnswerTo(string digest)
    {
        string path = NameOf(digest, Answered);
        return File.Exists(path) ? Read(path, ApprovalJson.Default.ApprovalAnswer) : null;
    }

    /// <summary>Writes down a job that came, where it has not come before.</summary>
    /// <returns>Whether it has not.</returns>
    internal bool Ask(SignedJobDocument signed, Party submitter, DateTimeOffset now)
    {
        string path = NameOf(JobStatement.DigestOf(signed.Statement), Asked);
        if (File.Exists(path))
        {
            return false;
        }

        Directory.CreateDirectory(_folder);
        DurableFile.WriteText(path, JsonSerializer.Serialize(new ApprovalRequest(signed, submitter.ToString(), now), ApprovalJson.Default.ApprovalRequest));
        return true;
    }

    private JobApproval Open(string path)
    {
        ApprovalRequest request = Read(path, ApprovalJson.Default.ApprovalRequest);
        string digest = JobStatement.DigestOf(request.Signed.Statement);
        if (path != NameOf(digest, Asked))
        {
            throw new IOException($"{path} is not the file of the job in it, whose digest is {digest}: one of them was changed; remove the file");
        }

        try
        {
            return new JobApproval(digest, JobStatement.Parse(request.Signed.Statement), request.Submitter, request.Asked, AnswerTo(digest));
        }
        catch (JobStatementException e)
        {
            throw new IOException($"{path}: {e.Message}", e);
        }
    }

    private static T Read<T>(string path, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), type) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new IOException($"{path} cannot be read: {e.Message}; remove it, and the agent asks again", e);
        }
    }

    private string NameOf(string digest, string kind) => Path.Combine(_folder, digest.Replace(':', '-') + kind);
}
