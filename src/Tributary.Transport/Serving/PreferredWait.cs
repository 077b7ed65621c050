using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Tributary.Transport;

/// <summary>How long a client is willing to wait for an answer: <c>Prefer: wait=N</c>, in seconds (RFC 7240).</summary>
public static class PreferredWait
{
    /// <summary>What a request says, but at most <paramref name="max"/>; null where it says nothing.</summary>
    public static TimeSpan? Of(HttpRequest request, TimeSpan max)
    {
        foreach (string preference in request.Headers["Prefer"].ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            if (preference.StartsWith("wait=", StringComparison.Ordinal)
                && int.TryParse(preference.AsSpan("wait=".Length), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds))
            {
                return TimeSpan.FromSeconds(Math.Min(seconds, max.TotalSeconds));
            }
        }

        return null;
    }
}
