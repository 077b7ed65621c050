using Tributary.Codecs;
using Tributary.Configuration;
using Tributary.Federation.Jobs;
using Tributary.Provisioning;
using Tributary.Site.Privacy;
using Tributary.Site.Rules;
using Tributary.Transport;

namespace Tributary.Site;

/// <summary>Reads what a site's configuration says of the jobs it takes, of what leaves it and how fast.</summary>
internal static class SiteFileRules
{
    private const string Manual = "manual";

    // A job may exchange weights, and those for changes only would ruin them.
    private static readonly string[] PrecisionNames = [.. Precision.All.Where(codec => !codec.IsForChanges).Select(codec => codec.Name)];

    public static SiteRules ReadRules(YamlMap map, TimeProvider time) => new()
    {
        Submitters = map.Texts("submitters")?.Select(text => ReadSubmitter(map, text)).OfType<Party>().ToArray(),
        Jobs = map.Texts("jobs"),
        ModelBytesMax = map.Bytes("model_bytes_max", 1),
        Hours = ReadHours(map, time),
        Privacy = ReadPrivacy(map.Map("privacy")),
        NeedsApproval = map.Choice("approval", ["none", Manual]) == Manual,
    };

    private static SiteBudget? ReadPrivacy(YamlMap? map)
    {
        if (map is null)
        {
            return null;
        }

        var budget = new SiteBudget(
            map.Number("epsilon", 0, 1e6, inclusive: false) ?? double.PositiveInfinity, map.Number("delta", 0, 1, inclusive: false) ?? JobPrivacy.DeltaUsual);
        if (!map.Keys.Contains("epsilon"))
        {
            map.Missing("epsilon", "the most that one job may spend");
        }

        map.RefuseOtherKeys();
        return budget;
    }

    public static SiteFilters ReadFilters(YamlMap? map)
    {
        if (map is null)
        {
            return new SiteFilters();
        }

        var filters = new SiteFilters
        {
            Exclude = map.Texts("exclude") ?? [],
            QuantizeAtLeast = map.Choice("quantize_at_least", PrecisionNames) is { } name ? Precision.Parse(name) : null,
            ClipNorm = map.Number("clip_norm", 0, 1e9, inclusive: false),
            Sparsify = map.Percent("sparsify", 0.01, 100),
            Percentile = map.Map("percentile") is { } percentile ? ReadPercentile(percentile) : null,
        };
        map.RefuseOtherKeys();
        return filters;
    }

    /// <summary>The values above a percentile, cut to a bound.</summary>
    private static (double Share, float Bound) ReadPercentile(YamlMap map)
    {
        double above = map.Number("above", 0, 100, inclusive: false) ?? 90;
        double bound = map.Number("clip", 0, 1e9, inclusive: false) ?? 0.01;
        foreach (string key in new[] { "above", "clip" }.Where(key => !map.Keys.Contains(key)))
        {
            map.Missing(key, key == "above" ? "the percentile above which values are sent, such as 90" : "the largest absolute value that is sent, such as 0.01");
        }

        map.RefuseOtherKeys();
        return ((100 - above) / 100, (float)bound);
    }

    public static TransferOptions ReadBandwidth(YamlMap? map, TimeProvider time)
    {
        var transfers = new TransferOptions();
        if (map is null)
        {
            return transfers;
        }

        transfers = transfers with { Down = ReadLimit(map, "down", time), Up = ReadLimit(map, "up", time) };
        map.RefuseOtherKeys();
        return transfers;
    }

    private static RateLimit? ReadLimit(YamlMap map, string key, TimeProvider time) =>
        map.Bytes(key, RateLimit.BytesPerSecondMin, "/s") is { } bytes ? new RateLimit(bytes, time) : null;

    private static Party? ReadSubmitter(YamlMap map, string text)
    {
        if (Party.Parse(text) is { Role: PartyRole.Admin } admin)
        {
            return admin;
        }

        map.Wrong("submitters", $"'{text}' in 'submitters' should be an administrator, such as admin/alice");
        return null;
    }

    private static OpenHours? ReadHours(YamlMap map, TimeProvider time)
    {
        TimeZoneInfo zone = time.LocalTimeZone;
        if (map.Text("time_zone") is { } name && !TimeZoneInfo.TryFindSystemTimeZoneById(name, out zone!))
        {
            map.Wrong("time_zone", $"'time_zone' is '{name}', which this machine does not know; it should be a name such as Europe/Berlin (where the machine knows none, install its tzdata)");
            zone = TimeZoneInfo.Utc;
        }

        if (map.Text("hours") is not { } text)
        {
            return null;
        }

        if (OpenHours.Parse(text, zone) is not { } hours)
        {
            map.Wrong("hours", $"'hours' is '{text}', but should be from one time of the day to another, such as \"20:00-06:00\"");
            return null;
        }

        return hours;
    }
}
