using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>A server and two sites, each in a network of its own (Linux network namespaces), on one wire between them: 10.77.0.1, .2 and .3.</summary>
internal sealed class NetworkNamespaces : IAsyncDisposable
{
    private readonly string _prefix = $"trib{Environment.ProcessId}";

    private NetworkNamespaces()
    {
    }

    public const string ServerAddress = "10.77.0.1";

    /// <summary>Makes them; gives why they cannot be made where they cannot.</summary>
    public static async Task<(NetworkNamespaces? Made, string? Reason)> TryMakeAsync(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
        {
            return (null, "network namespaces are Linux's");
        }

        var made = new NetworkNamespaces();
        try
        {
            await made.MakeAsync(cancellationToken);
            return (made, null);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            await made.DisposeAsync();
            return (null, $"network namespaces cannot be made here: {e.Message}");
        }
    }

    public Daemon Start(int place, string folder, params string[] arguments) =>
        Daemon.Run("ip", folder, [], ["netns", "exec", Name(place), "dotnet", TributaryProgram.Assembly, .. arguments]);

    public Task<ProgramResult> RunAsync(int place, string folder, CancellationToken cancellationToken, params string[] arguments) =>
        ExternalProgram.RunAsync("ip", folder, [], cancellationToken, ["netns", "exec", Name(place), "dotnet", TributaryProgram.Assembly, .. arguments]);

    public async ValueTask DisposeAsync()
    {
        for (int place = 1; place <= 3; place++)
        {
            await ExternalProgram.RunAsync("ip", "/", [], CancellationToken.None, "netns", "del", Name(place));
        }
    }

    private string Name(int place) => $"{_prefix}-{place}";

    private async Task MakeAsync(CancellationToken cancellationToken)
    {
        async Task Ip(string command)
        {
            ProgramResult result = await ExternalProgram.RunAsync("ip", "/", [], cancellationToken, command.Split(' '));
            if (result.ExitCode != 0)
            {
                throw new InvalidOperationException($"ip {command}: {result.Error.Trim()}");
            }
        }

        string server = Name(1);
        await Ip($"netns add {server}");
        await Ip($"-n {server} link set lo up");
        await Ip($"-n {server} link add wire type bridge");
        await Ip($"-n {server} addr add {ServerAddress}/24 dev wire");
        await Ip($"-n {server} link set wire up");
        for (int place = 2; place <= 3; place++)
        {
            await Ip($"netns add {Name(place)}");
            await Ip($"-n {Name(place)} link set lo up");
            await Ip($"-n {server} link add site{place} type veth peer name eth0 netns {Name(place)}");
            await Ip($"-n {server} link set site{place} master wire");
            await Ip($"-n {server} link set site{place} up");
            await Ip($"-n {Name(place)} addr add 10.77.0.{place}/24 dev eth0");
            await Ip($"-n {Name(place)} link set eth0 up");
        }
    }
}
