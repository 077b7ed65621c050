using System.Security.Cryptography;
using System.Text.Json;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;

namespace Tributary.Site.Privacy;

/// <summary>What tells a job from one that was deleted and submitted anew under its name.</summary>
internal static class JobIdentity
{
    /// <summary>The digest, in hex, of what was signed; where nobody signed, of all that the job says.</summary>
    public static string StatementDigest(this TaskDocument task)
    {
        string digest = task.Signed is { } signed ? JobStatement.DigestOf(signed.Statement) : Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(task.Job, WireJson.Default.Job)));
        return digest[(digest.IndexOf(':', StringComparison.Ordinal) + 1)..];
    }
}
