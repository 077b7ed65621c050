using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tributary.Provisioning;
using Tributary.Server.Endpoints;

namespace Tributary.Server.Identity;

/// <summary>
/// How much of the server one party may take, so that a site gone wrong does not stop the others: requests in a second, and requests at once. What is beyond
/// gets 429 and is asked again later by every client of ours.
/// </summary>
internal static class RequestLimits
{
    // A long poll, a progress report and the parts of a message or two, many times over.
    private const int AtOnceMax = 256;

    public static void Add(IServiceCollection services, int requestsPerSecond) => services.AddRateLimiter(limits =>
    {
        limits.GlobalLimiter = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<HttpContext, Party>(context => RateLimitPartition.GetConcurrencyLimiter(
                context.Party(), static _ => new ConcurrencyLimiterOptions { PermitLimit = AtOnceMax })),
            PartitionedRateLimiter.Create<HttpContext, Party>(context => RateLimitPartition.GetTokenBucketLimiter(context.Party(), _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = 2 * requestsPerSecond,
                TokensPerPeriod = requestsPerSecond,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            })));
        limits.OnRejected = static (refused, _) =>
        {
            refused.HttpContext.Response.Headers.RetryAfter = 1.ToString(CultureInfo.InvariantCulture);
            return new ValueTask(Problem.WriteAsync(
                refused.HttpContext, StatusCodes.Status429TooManyRequests, "too many requests",
                $"{refused.HttpContext.Party()} asks for more than this server gives one party ('requests_per_second' in server.yaml, and {AtOnceMax} at once). Ask again in a second."));
        };
    });
}
