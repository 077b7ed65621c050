namespace Tributary.Simulation.Experiments.Roles;

/// <summary>
/// What a process of an experiment does. Its first line on stdin says what it is (<see cref="RoleSettings"/>); <c>begin</c> starts a
/// server's job or a sender's bytes; <c>end</c>, or the end of stdin, ends it. It tells what happens (<see cref="RoleEvent"/>) on stdout.
/// </summary>
public static class ExperimentRole
{
    /// <summary>Runs a role until it is told to end.</summary>
    /// <param name="input">The process's stdin.</param>
    /// <param name="output">The process's stdout.</param>
    /// <param name="time">The system's clock, whose timestamps other processes can compare.</param>
    /// <param name="cancellationToken">Ends it, too.</param>
    /// <exception cref="UsageException">The settings cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was told to end before its work was done.</exception>
    public static async Task RunAsync(TextReader input, TextWriter output, TimeProvider time, CancellationToken cancellationToken)
    {
        var console = new RoleConsole(input, output, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));
        RoleSettings settings = await console.SettingsAsync();
        await (settings switch
        {
            ServerSettings server => ServerRole.RunAsync(server, console, time),
            SiteSettings site => SiteRole.RunAsync(site, console, time),
            SenderSettings sender => SocketRoles.SendAsync(sender, console, time),
            ReceiverSettings receiver => SocketRoles.ReceiveAsync(receiver, console, time),
            _ => throw new UsageException($"the settings on stdin are of the role {settings.GetType().Name}, which is not known"),
        });
        console.Tell(new RoleEnded(ProcessMemory.PeakBytes()));
    }
}
