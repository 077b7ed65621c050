using System.Globalization;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;

namespace Tributary.Federation.Tasks;

/// <summary>
/// The tasks of secure aggregation around a round's training: what a site answers is a short text and no model. Each is a step of the round, so a site that misses one has dropped out of the sum.
/// </summary>
public static class AggregationTasks
{
    /// <summary>Step 0: fetch the global model, make keys for this round, advertise their public halves.</summary>
    public const string Keys = "aggregation-keys";

    /// <summary>Step 1: share this round's secrets.</summary>
    public const string Shares = "aggregation-shares";

    /// <summary>Step 3, after the masked results: sign who survived.</summary>
    public const string Survivors = "aggregation-survivors";

    /// <summary>Step 4: answer the unmasking.</summary>
    public const string Unmasking = "aggregation-unmasking";

    /// <summary>The steps of one attempt at a round's sum, the training among them. Where too few sites were left for one, as after they were started again, the next attempt's follow.</summary>
    public const int StepsOfAttempt = 5;

    /// <summary>The attempt that a step belongs to, from 0.</summary>
    public static int AttemptOf(int step) => step / StepsOfAttempt;

    /// <summary>What keys and signatures of an attempt are bound to of its job: its name, and the digest of what was signed where it was.</summary>
    public static string NameOf(Job job, SignedJobDocument? signed, int attempt) =>
        string.Create(CultureInfo.InvariantCulture, $"{job.Name} {(signed is null ? string.Empty : JobStatement.DigestOf(signed.Statement))} {attempt}");

    /// <summary>Whether a task is one of them.</summary>
    public static bool Has(string task) => task is Keys or Shares or Survivors or Unmasking;
}
