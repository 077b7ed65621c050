using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Tributary.Client;
using Tributary.Federation.Jobs;
using Tributary.Federation.Wire;
using Tributary.Provisioning;
using Tributary.Server.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Server.Tests.Endpoints;

/// <summary>Nonsense and half-sense from parties of the project, at every address. Where this fails, one of them can bring the server down for all.</summary>
public sealed partial class FuzzTests
{
    private const int Requests = 10_000;
    private const int RawRequests = 300;

    private static readonly string[] Segments =
    [
        "demo", "other", "0", "1", "2", "-1", "99999999999999999999", "%00", "..%2f..%2fetc%2fpasswd", "%e2%80%ae", "DEMO", "a b", "last", "best", "round-00001-0", new string('a', 300), "sha256-" + new string('a', 64), "{job}",
    ];

    private static readonly string[] Bodies =
    [
        """{"phase":"training","done":1,"total":2}""",
        """{"reason":"no data","isTransient":true,"attempt":1}""",
        """{"attempt":1,"samples":1,"metrics":{"received_loss":1},"digest":null,"meaning":null}""",
        """{"attempt":1,"samples":9223372036854775807,"metrics":{"x":1e308},"digest":"sha256:00","meaning":{"kind":"delta","base":"x","precision":"nf4"}}""",
        """{"length":1000,"partBytes":8388608}""",
        """{"length":9223372036854775807,"partBytes":1}""",
        """{"statement":"{}","signature":"AAAA","certificate":"x"}""",
        """{"id":"x","length":10,"partBytes":8388608,"parts":["00"],"digest":"sha256:00"}""",
        "null", "[]", "{}", "\"\"", "{\"a\":" , new string('[', 5000), "",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ten_thousand_requests_of_nonsense_leave_the_server_serving_and_its_memory_as_it_was()
    {
        using MemorySource initial = Models.Eighths();
        await using SecureServer server = await SecureServer.StartAsync();
        JobClient admin = server.Admin();
        using ManualSite a = server.Site("a");
        (HttpMethod Method, string Pattern)[] routes = [.. RoutesOf(server)];
        HttpClient[] parties = [server.Client("site/a"), server.Client("site/b"), server.Client("admin/alice"), server.Client("viewer/bob")];
        var random = new Random(7);
        await OpenAsync(server, admin, a, initial);
        await FuzzAsync(parties, routes, random, 500);
        (long before, int threads) = Measure();

        for (int done = 0; done < Requests; done += 500)
        {
            await OpenAsync(server, admin, a, initial);
            await FuzzAsync(parties, routes, random, 500);
        }

        await RawAsync(server, random);
        (long after, int threadsAfter) = Measure();
        (after - before).ShouldBeLessThan(8L << 20, "bytes that the collector could not take back");
        (threadsAfter - threads).ShouldBeLessThan(64);
        (await admin.ListAsync(Cancel)).ShouldNotBeEmpty();
        (await a.PollAsync()).IsSuccessStatusCode.ShouldBeTrue();
    }

    [Fact]
    public async Task Statements_that_an_administrator_has_signed_and_are_nonsense_are_refused_one_by_one()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        using Kit kit = server.Project.Open("admin/alice");
        using HttpClient client = server.Client("admin/alice");
        string sound = new JobStatement(Models.Job("demo", "a"), new InitialModel($"sha256:{new string('a', 64)}", 4, "model", 1), DateTimeOffset.UnixEpoch).ToText();
        var random = new Random(11);
        for (int i = 0; i < 1000; i++)
        {
            PartySignature signed = PartySignature.Sign(JobStatement.MediaType, Mutate(sound, random), kit);
            using var content = System.Net.Http.Json.JsonContent.Create(new SignedJobDocument(signed.Text, signed.Signature, signed.Certificate), JobJson.Default.SignedJobDocument);
            using HttpResponseMessage response = await client.PostAsync(JobRoutes.Jobs, content, Cancel);
            ((int)response.StatusCode).ShouldBeLessThan(500, signed.Text);
        }

        (await server.Admin().ListAsync(Cancel)).ShouldAllBe(job => job.State == JobState.AwaitingModel);
    }

    /// <summary>A job with an open step, for those requests that hit one; earlier ones may have been ended or deleted by chance.</summary>
    private static async Task OpenAsync(SecureServer server, JobClient admin, ManualSite site, MemorySource initial)
    {
        if ((await admin.ListAsync(Cancel)).FirstOrDefault(job => job.Name == "demo") is { } there)
        {
            if (there.State == JobState.Running)
            {
                return;
            }

            if (there.State < JobState.Finished)
            {
                await admin.AbortAsync("demo", Cancel);
            }

            await admin.DeleteAsync("demo", Cancel);
        }

        await site.PollAsync();
        await admin.SubmitAsync(Models.Job("demo", "a") with { TaskRetries = 100 }, "model", initial, progress: null, Cancel);
        await server.UntilAsync("demo", job => job.Line.State == JobState.Running);
    }

    private static async Task FuzzAsync(HttpClient[] parties, (HttpMethod Method, string Pattern)[] routes, Random random, int count)
    {
        for (int i = 0; i < count; i++)
        {
            (HttpMethod method, string pattern) = routes[random.Next(routes.Length)];
            HttpMethod[] methods = [method, method, method, HttpMethod.Get, HttpMethod.Post, HttpMethod.Put, HttpMethod.Delete, HttpMethod.Head, HttpMethod.Options, new("TRACK")];
            string path = Parameters().Replace(pattern, match => random.Next(3) == 0 ? Segments[random.Next(Segments.Length)] : match.Value.Contains("int", StringComparison.Ordinal) ? "1" : "demo");
            using var request = new HttpRequestMessage(methods[random.Next(methods.Length)], path + (random.Next(4) == 0 ? $"?after={Segments[random.Next(Segments.Length)]}" : string.Empty));
            if (request.Method != HttpMethod.Get && request.Method != HttpMethod.Head)
            {
                byte[] body = random.Next(5) == 0 ? Noise(random) : Encoding.UTF8.GetBytes(Mutate(Bodies[random.Next(Bodies.Length)], random));
                request.Content = new ByteArrayContent(body);
                request.Content.Headers.ContentType = random.Next(4) == 0 ? null : new MediaTypeHeaderValue(random.Next(8) == 0 ? "text/plain" : "application/json");
                if (random.Next(3) == 0)
                {
                    request.Content.Headers.TryAddWithoutValidation("Content-Digest", random.Next(2) == 0 ? "crc64nvme=:AAAAAAAAAAA=:" : "nonsense");
                }
            }

            if (random.Next(6) == 0)
            {
                request.Headers.TryAddWithoutValidation("Range", random.Next(2) == 0 ? "bytes=5-1" : "bytes=0-10");
            }

            if (random.Next(10) == 0)
            {
                request.Headers.TryAddWithoutValidation("Prefer", "wait=0.01");
            }

            using HttpResponseMessage response = await parties[random.Next(parties.Length)].SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
            bool isDocumented = response.StatusCode == HttpStatusCode.ServiceUnavailable && response.Headers.RetryAfter is not null;
            if ((int)response.StatusCode >= 500 && !isDocumented)
            {
                Assert.Fail($"{request.Method} {path} was answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(Cancel)}");
            }
        }
    }

    /// <summary>What is not even HTTP, within TLS and without.</summary>
    private static async Task RawAsync(SecureServer server, Random random)
    {
        using Kit kit = server.Project.Open("site/a");
        for (int i = 0; i < RawRequests; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, server.Address.Port, Cancel);
            Stream stream = client.GetStream();
            try
            {
                if (i % 2 == 0)
                {
                    var tls = new SslStream(stream, leaveInnerStreamOpen: false);
                    var options = new SslClientAuthenticationOptions
                    {
                        TargetHost = "localhost",
                        ClientCertificateContext = SslStreamCertificateContext.Create(kit.Certificate, null, offline: true),
                        CertificateChainPolicy = kit.Trust.NewChainPolicy(PartyRole.Server),
                        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                    };
                    await tls.AuthenticateAsClientAsync(options, Cancel);
                    stream = tls;
                }

                byte[] noise = random.Next(2) == 0 ? Noise(random) : Encoding.Latin1.GetBytes(Mutate("GET /v1/tasks/next HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", random));
                await stream.WriteAsync(noise, Cancel);
                await stream.FlushAsync(Cancel);
            }
            catch (IOException)
            {
                // The server has seen enough.
            }
            finally
            {
                await stream.DisposeAsync();
            }
        }
    }

    private static byte[] Noise(Random random)
    {
        byte[] noise = new byte[random.Next(3000)];
        random.NextBytes(noise);
        return noise;
    }

    private static string Mutate(string text, Random random)
    {
        var changed = new StringBuilder(text);
        for (int change = random.Next(4); change > 0 && changed.Length > 0; change--)
        {
            int place = random.Next(changed.Length);
            switch (random.Next(4))
            {
                case 0:
                    changed[place] = (char)random.Next(32, 127);
                    break;
                case 1:
                    changed.Remove(place, Math.Min(random.Next(1, 8), changed.Length - place));
                    break;
                case 2:
                    changed.Insert(place, Segments[random.Next(Segments.Length)]);
                    break;
                default:
                    changed.Insert(place, "-9e999");
                    break;
            }
        }

        return changed.ToString();
    }

    private static (long Bytes, int Threads) Measure()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return (GC.GetTotalMemory(forceFullCollection: true), System.Diagnostics.Process.GetCurrentProcess().Threads.Count);
    }

    private static IEnumerable<(HttpMethod Method, string Pattern)> RoutesOf(SecureServer server) =>
        from endpoint in server.Server.Endpoints
        from method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
        select (new HttpMethod(method), endpoint.RoutePattern.RawText!.Trim('/'));

    [GeneratedRegex(@"\{[^}]+\}", RegexOptions.None, 1000)]
    private static partial Regex Parameters();
}
