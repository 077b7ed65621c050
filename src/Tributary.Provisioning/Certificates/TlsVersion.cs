using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Tributary.Provisioning;

/// <summary>The version of TLS that parties speak: 1.3 and no other, but for a platform that has none, which speaks 1.2.</summary>
public static class TlsVersion
{
    private const long OpenSslWithTls13 = 0x10101000L;
    private const int WindowsBuildWithTls13 = 20348;

    /// <summary>Whether this platform has TLS 1.3.</summary>
    public static bool Has13 { get; } = OperatingSystem.IsWindows()
        ? OperatingSystem.IsWindowsVersionAtLeast(10, 0, WindowsBuildWithTls13)
        : OperatingSystem.IsLinux() && OpenSslVersion() >= OpenSslWithTls13;

    /// <summary>The version to speak.</summary>
    public static SslProtocols Protocols => Has13 ? SslProtocols.Tls13 : SslProtocols.Tls12;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long OpenSslVersion() => OperatingSystem.IsWindows() ? 0 : SafeEvpPKeyHandle.OpenSslVersion;
}
