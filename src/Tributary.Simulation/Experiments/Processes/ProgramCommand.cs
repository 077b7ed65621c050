namespace Tributary.Simulation.Experiments.Processes;

/// <summary>How this program is started again, for the processes of an experiment.</summary>
/// <param name="File">The executable.</param>
/// <param name="Arguments">What stands before the verb.</param>
public sealed record ProgramCommand(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>The program that runs now, whether it was started by its own executable or by <c>dotnet</c>.</summary>
    public static ProgramCommand ThisProgram()
    {
        string executable = Environment.ProcessPath ?? throw new UsageException("the system does not say which program this is, so it cannot be started again");
        return Path.GetFileNameWithoutExtension(executable) == "dotnet"
            ? new ProgramCommand(executable, [Environment.GetCommandLineArgs()[0]])
            : new ProgramCommand(executable, []);
    }
}
