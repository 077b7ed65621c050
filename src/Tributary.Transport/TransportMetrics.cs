using System.Diagnostics.Metrics;

namespace Tributary.Transport;

/// <summary>
/// The meter <c>Tributary.Transport</c>. Its counter <c>tributary.transport.bytes</c> (unit By) counts the content of requests and
/// responses as it moves, also where it is sent again; tags: <c>direction</c> is up (site to server) or down, <c>half</c> client or server.
/// </summary>
public static class TransportMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Tributary.Transport";

    private static readonly Meter Meter = new(MeterName);
    private static readonly Counter<long> Bytes =
        Meter.CreateCounter<long>("tributary.transport.bytes", "By", "Content bytes moved by transfers of objects.");

    internal static void CountUp(int bytes, bool atServer) => Count(bytes, "up", atServer);

    internal static void CountDown(int bytes, bool atServer) => Count(bytes, "down", atServer);

    private static void Count(int bytes, string direction, bool atServer)
    {
        if (Bytes.Enabled)
        {
            Bytes.Add(bytes, new("direction", direction), new("half", atServer ? "server" : "client"));
        }
    }
}
