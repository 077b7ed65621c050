using System.IO.Enumeration;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Provisioning;
using Tributary.Site.Privacy;

namespace Tributary.Site.Rules;

/// <summary>Which jobs a site takes part in, and when: its own affair, of which no job says anything. Without any rule it is every job that is signed.</summary>
public sealed record SiteRules
{
    private const int BytesPerParameter = sizeof(float);

    /// <summary>Whose jobs it takes; null for those of every administrator of the project.</summary>
    public IReadOnlyList<Party>? Submitters { get; init; }

    /// <summary>The jobs it takes, by name, in which * stands for any run of characters; null for all.</summary>
    public IReadOnlyList<string>? Jobs { get; init; }

    /// <summary>The largest model it takes, in bytes as fp32, however it travels; null for any.</summary>
    public long? ModelBytesMax { get; init; }

    /// <summary>When it takes tasks; null for always. One that has begun goes on to its end.</summary>
    public OpenHours? Hours { get; init; }

    /// <summary>Whether a person at the site has to say yes to each job, see <see cref="JobApprovals"/>.</summary>
    public bool NeedsApproval { get; init; }

    /// <summary>The most that a job may spend of its records' privacy; null for jobs with and without any.</summary>
    public SiteBudget? Privacy { get; init; }

    /// <summary>Whether they can be kept only where jobs are signed.</summary>
    internal bool NeedSignatures => NeedsApproval || Submitters is not null || Jobs is not null || ModelBytesMax is not null;

    /// <summary>Why a job is not taken; null where it is.</summary>
    internal string? Refuse(JobStatement statement, Party submitter)
    {
        string job = statement.Job.Name;
        if (Submitters is { } submitters && !submitters.Contains(submitter))
        {
            return $"job '{job}' is of {submitter}, and this site takes jobs of {string.Join(", ", submitters)} only ('submitters' in site.yaml)";
        }

        if (Jobs is { } jobs && !jobs.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, job, ignoreCase: false)))
        {
            return $"this site takes jobs named {string.Join(", ", jobs)} only, and this one is '{job}' ('jobs' in site.yaml)";
        }

        return RefuseModel(job, statement.Model.Parameters);
    }

    /// <summary>Why a model of that many parameters is not taken; null where it is.</summary>
    internal string? RefuseModel(string job, long parameters) => ModelBytesMax is { } max && parameters > max / BytesPerParameter
        ? $"the model of job '{job}' has {parameters} parameters, and this site takes at most {ByteCount.Format(max)} of them as fp32, {max / BytesPerParameter} ('model_bytes_max' in site.yaml)"
        : null;
}
