namespace Tributary.Federation.Workflows;

/// <summary>
/// A workflow, server side: a plain method that asks sites for work and makes new global models of what they return. It survives a
/// restart by being run again: what it asks of its context is keyed by round and step, and what was done already is answered from the
/// record.
/// </summary>
public abstract class Controller
{
    /// <summary>Runs the workflow to its end.</summary>
    public abstract Task RunAsync(ControllerContext context, CancellationToken cancellationToken);
}

/// <summary>The known workflows.</summary>
public static class Controllers
{
    private static readonly Dictionary<string, Func<Controller>> ByName = new(StringComparer.Ordinal)
    {
        [FedAvg.Name] = static () => new FedAvg(),
        [FedBuff.Name] = static () => new FedBuff(),
        [Scaffold.Name] = static () => new Scaffold(),
        [Cyclic.Name] = static () => new Cyclic(),
        [Evaluate.Name] = static () => new Evaluate(),
        [CrossSiteEvaluation.Name] = static () => new CrossSiteEvaluation(),
    };

    /// <summary>The names that a job file may use.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>Makes the controller of that name.</summary>
    public static Controller Create(string name) => ByName[name]();
}
