using System.Globalization;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>When a certificate is valid. The platform gives the machine's local time, which says nothing to another machine.</summary>
internal static class Validity
{
    public static DateTimeOffset Begins(this X509Certificate2 certificate) => new(certificate.NotBefore.ToUniversalTime());

    public static DateTimeOffset Ends(this X509Certificate2 certificate) => new(certificate.NotAfter.ToUniversalTime());

    public static string Text(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
