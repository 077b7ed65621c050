namespace Tributary.Federation.Jobs;

/// <summary>
/// Low-rank adapters: they are the model that the parties exchange. The base stays as it is and never travels; every site has it.
/// </summary>
public sealed record JobLora
{
    /// <summary>The linear layers that can be adapted.</summary>
    public static IReadOnlyList<string> AllTargets { get; } = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>The rank of the adapters' matrices.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>What the adapters' output is scaled with, by rank.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>The linear layers that are adapted.</summary>
    public IReadOnlyList<string> Targets { get; init; } = ["q_proj", "v_proj"];

    /// <summary>The share of the adapters' inputs that is left out at random in training.</summary>
    public double Dropout { get; init; }

    /// <summary>
    /// The base's digest, <c>sha256:</c> and 64 digits; a site that has another base refuses the job's tasks. Null where nobody looked, and
    /// then no site can tell.
    /// </summary>
    public string? Base { get; init; }
}
