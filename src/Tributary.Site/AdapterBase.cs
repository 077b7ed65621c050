using Tributary.Federation.Jobs;
using Tributary.Federation.Tasks;

namespace Tributary.Site;

/// <summary>Adapters learn beside one base; beside another they would make a worse model of it, and nobody would see why.</summary>
internal static class AdapterBase
{
    /// <summary>Refuses a job's adapters where a site's base is not the one that they are for.</summary>
    /// <exception cref="TaskFailedException">The digests differ; the message names both and the folder.</exception>
    public static void Require(JobLora lora, string folder, string digest)
    {
        if (lora.Base is { } expected && expected != digest)
        {
            throw new TaskFailedException(
                $"the job's adapters are for a base with the digest {expected}, but {folder} has {digest}; put the job's base model there");
        }
    }
}
