using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Tributary.Transport.Tests.Receiving;

public sealed class UploadTests : IAsyncDisposable
{
    private const int PartBytes = 64 << 10;
    private const int Length = (4 * PartBytes) + 10;

    private readonly Scratch _scratch = new();
    private readonly HttpClient _http = new();
    private readonly byte[] _bytes = Scratch.Bytes(Length);
    private readonly PartLayout _layout = new(Length, PartBytes);
    private TransportHost? _host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ObjectDescriptor Descriptor => new("u", _layout, [.. _bytes.Chunk(PartBytes).Select(part => PartChecksum.Of(part))]);

    private byte[] PartOf(int part) => _bytes.AsSpan((int)_layout.OffsetOf(part), _layout.BytesOf(part)).ToArray();

    [Fact]
    public async Task Parts_that_come_in_any_order_and_again_and_at_once_make_the_object()
    {
        await StartAsync();
        int[] order = [4, 0, 3, 3, 0];
        foreach (int part in order)
        {
            (await PutAsync(part, PartOf(part))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        }

        await ShouldBeMissing("[[1,2]]");

        // Of requests for the same part at the same time one succeeds at least, and whoever was overtaken may ask again.
        HttpResponseMessage[] atOnce = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => PutAsync(1 + (i % 2), PartOf(1 + (i % 2)))));
        foreach (HttpResponseMessage response in atOnce.Where(response => response.StatusCode != HttpStatusCode.NoContent))
        {
            await ShouldBeProblem(response, HttpStatusCode.Conflict, ProblemTypes.PartSuperseded, "by another request");
        }

        await ShouldBeMissing("[]");
        using HttpResponseMessage commit = await CommitAsync(Descriptor.ToJson());
        commit.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await File.ReadAllBytesAsync(_host!.UploadPath("u"), Cancel)).ShouldBeBytes(_bytes);
    }

    [Fact]
    public async Task A_part_of_wrong_length_number_or_digest_is_refused_with_what_is_wrong()
    {
        await StartAsync();
        await ShouldBeProblem(
            await PutAsync(0, PartOf(0)[1..]),
            HttpStatusCode.BadRequest, ProblemTypes.PartLength, "has 65536 bytes; the request's Content-Length is 65535");
        await ShouldBeProblem(
            await PutAsync(5, PartOf(0)), HttpStatusCode.BadRequest, ProblemTypes.PartOutOfRange, "5 parts, counted from 0; '5'");
        await ShouldBeProblem(await PutAsync("-1", PartOf(0), null), HttpStatusCode.BadRequest, ProblemTypes.PartOutOfRange, "'-1'");
        await ShouldBeProblem(await PutAsync("x", PartOf(0), null), HttpStatusCode.BadRequest, ProblemTypes.PartOutOfRange, "'x'");
        await ShouldBeProblem(
            await PutAsync("0", PartOf(0), null), HttpStatusCode.BadRequest, ProblemTypes.DigestMissing, "Content-Digest");
        await ShouldBeProblem(
            await PutAsync("1", PartOf(0), Descriptor.Parts[1]),
            HttpStatusCode.BadRequest, ProblemTypes.PartDigestMismatch, "Send this part again");
        await ShouldBeMissing("[[0,4]]");

        using var chunked = new HttpRequestMessage(HttpMethod.Put, new Uri(_host!.Address, "/uploads/u/parts/0"));
        chunked.Content = new ByteArrayContent(PartOf(0));
        chunked.Headers.TransferEncodingChunked = true;
        await ShouldBeProblem(await _http.SendAsync(chunked, Cancel), HttpStatusCode.LengthRequired, ProblemTypes.PartLength, "missing");
    }

    [Fact]
    public async Task A_commit_with_parts_missing_is_refused_and_nothing_stands_under_the_final_name()
    {
        await StartAsync();
        await PutAsync(0, PartOf(0));
        await PutAsync(2, PartOf(2));
        JsonElement problem = await ShouldBeProblem(
            await CommitAsync(Descriptor.ToJson()), HttpStatusCode.Conflict, ProblemTypes.PartsMissing, "have not arrived: 1, 3 to 4");
        problem.GetProperty("missing").GetRawText().ShouldBe("[[1,1],[3,4]]");
        File.Exists(_host!.UploadPath("u")).ShouldBeFalse();
        _host.Commits.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_commit_that_comes_twice_or_after_a_restart_is_answered_the_same()
    {
        await StartAsync();
        await PutAllAsync();
        string first = await OkAsync(await CommitAsync(Descriptor.ToJson()));
        first.ShouldContain(Descriptor.Digest);
        (await OkAsync(await CommitAsync(Descriptor.ToJson()))).ShouldBe(first);
        await RestartAsync();
        (await OkAsync(await CommitAsync(Descriptor.ToJson()))).ShouldBe(first);
        (await PutAsync(1, PartOf(1))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        _bytes[0]++;
        await ShouldBeProblem(await PutAsync(0, PartOf(0)), HttpStatusCode.Conflict, ProblemTypes.UploadCommitted, "Begin a new upload");
        await ShouldBeProblem(
            await CommitAsync(Descriptor.ToJson()), HttpStatusCode.Conflict, ProblemTypes.UploadCommitted, "begin a new upload");
    }

    [Fact]
    public async Task A_commit_that_is_no_good_document_is_refused_with_what_is_wrong()
    {
        await StartAsync();
        await PutAllAsync();
        string good = Encoding.UTF8.GetString(Descriptor.ToJson());
        (string Body, string Says)[] cases =
        [
            ("{", "The commit of upload u"),
            ("null", "it is null"),
            (good.Replace("\"partBytes\":65536", "\"partBytes\":\"65536\""), "$.partBytes"),
            (good.Replace(Descriptor.Digest, ObjectDigest.Prefix + new string('0', 64)), $"follows as {Descriptor.Digest}"),
            (Encoding.UTF8.GetString(new ObjectDescriptor("u", new PartLayout(0), []).ToJson()), "it is for 0 bytes"),
        ];
        foreach ((string body, string says) in cases)
        {
            await ShouldBeProblem(
                await CommitAsync(Encoding.UTF8.GetBytes(body)), HttpStatusCode.BadRequest, ProblemTypes.BadDocument, says);
        }

        await ShouldBeProblem(
            await CommitAsync(new byte[10_000]), HttpStatusCode.RequestEntityTooLarge, ProblemTypes.BadDocument, "longer than");
        File.Exists(_host!.UploadPath("u")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_part_that_the_commit_says_otherwise_can_be_sent_anew()
    {
        await StartAsync();
        await PutAllAsync();
        _bytes[PartBytes]++;
        JsonElement problem = await ShouldBeProblem(
            await CommitAsync(Descriptor.ToJson()), HttpStatusCode.Conflict, ProblemTypes.PartsDiffer, "says: 1. Send them again");
        problem.GetProperty("differ").GetRawText().ShouldBe("[[1,1]]");
        (await PutAsync(1, PartOf(1))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await OkAsync(await CommitAsync(Descriptor.ToJson()));
        (await File.ReadAllBytesAsync(_host!.UploadPath("u"), Cancel)).ShouldBeBytes(_bytes);
    }

    [Theory]
    [InlineData("{\"length\":2000000000000,\"partBytes\":8388608}", 413, ProblemTypes.LengthOverLimit, "at most 1073741824")]
    [InlineData("{\"length\":-1,\"partBytes\":8388608}", 400, ProblemTypes.BadDocument, "cannot be -1")]
    [InlineData("{\"length\":1,\"partBytes\":7}", 400, ProblemTypes.BadDocument, "not 7")]
    [InlineData("{\"length\":1}", 400, ProblemTypes.BadDocument, "partBytes")]
    [InlineData("length=1", 400, ProblemTypes.BadDocument, "The request for an upload")]
    public async Task An_upload_that_cannot_be_is_refused_before_it_begins(string body, int status, string type, string says)
    {
        await StartAsync();
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        await ShouldBeProblem(
            await _http.PostAsync(new Uri(_host!.Address, "/uploads/v"), content, Cancel), (HttpStatusCode)status, type, says);
        Directory.GetFiles(_scratch.Folder, "upload-v*").ShouldBeEmpty();
    }

    [Fact]
    public async Task What_arrived_before_a_restart_is_not_asked_for_again_unless_it_is_damaged()
    {
        await StartAsync();
        await PutAsync(1, PartOf(1));
        await PutAsync(3, PartOf(3));
        await RestartAsync();
        await ShouldBeMissing("[[0,0],[2,2],[4,4]]");
        await _host!.DisposeAsync();
        using (FileStream partial = File.OpenWrite(_host.UploadPath("u") + ".partial"))
        {
            partial.Position = _layout.OffsetOf(3) + 5;
            partial.WriteByte((byte)~PartOf(3)[5]);
        }

        _host = null;
        await StartAsync();
        await ShouldBeMissing("[[0,0],[2,4]]");
    }

    [Fact]
    public async Task A_connection_that_died_unnoticed_does_not_keep_a_part_from_arriving_by_another()
    {
        await StartAsync();
        using Socket dead = await BeginPartAsync(1, Descriptor.Parts[1], 1000);
        (await PutAsync(1, PartOf(1))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await ReadAllAsync(dead)).ShouldContain(ProblemTypes.PartSuperseded);
        await ShouldBeMissing("[[0,0],[2,4]]");
    }

    [Fact]
    public async Task A_trickle_is_cut_off_and_told_how_far_it_came()
    {
        await StartAsync(new ProgressRule(1000, TimeSpan.FromSeconds(1)));
        using Socket slow = await BeginPartAsync(1, Descriptor.Parts[1], 700);
        string answer = await ReadAllAsync(slow);
        answer.ShouldStartWith("HTTP/1.1 408");
        answer.ShouldContain("700 of 65536 bytes had arrived");
        await ShouldBeMissing("[[0,4]]");
    }

    [Fact]
    public async Task Two_servers_on_the_same_upload_are_refused_with_its_name()
    {
        await StartAsync();
        (await Should.ThrowAsync<IOException>(() => ObjectUpload.OpenAsync("u", _host!.UploadPath("u"), _layout, Cancel)))
            .Message.ShouldContain("upload-u");
        string other = _scratch.Write("other", [1, 2, 3]);
        (await Should.ThrowAsync<IOException>(() => ObjectUpload.OpenAsync("w", other, _layout, Cancel)))
            .Message.ShouldContain("is there already");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }

        _scratch.Dispose();
    }

    private async Task StartAsync(ProgressRule? rule = null)
    {
        _host = await TransportHost.StartAsync(_scratch.Folder, rule);
        await _host.BeginUploadAsync("u", _layout);
    }

    private async Task RestartAsync()
    {
        await _host!.DisposeAsync();
        await StartAsync();
    }

    private async Task PutAllAsync()
    {
        for (int part = 0; part < _layout.Count; part++)
        {
            (await PutAsync(part, PartOf(part))).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        }
    }

    private Task<HttpResponseMessage> PutAsync(int part, byte[] bytes) => PutAsync($"{part}", bytes, PartChecksum.Of(bytes));

    private async Task<HttpResponseMessage> PutAsync(string part, byte[] bytes, PartChecksum? digest)
    {
        using var put = new HttpRequestMessage(HttpMethod.Put, new Uri(_host!.Address, $"/uploads/u/parts/{part}"));
        put.Content = new ByteArrayContent(bytes);
        if (digest is { } known)
        {
            put.Content.Headers.Add("Content-Digest", DigestField.Format(known));
        }

        return await _http.SendAsync(put, Cancel);
    }

    private async Task<HttpResponseMessage> CommitAsync(byte[] document)
    {
        using var content = new ByteArrayContent(document);
        using var post = new HttpRequestMessage(HttpMethod.Post, new Uri(_host!.Address, "/uploads/u/commit")) { Content = content };

        // What is refused by its length alone is answered before it is sent, and then the connection is closed.
        post.Headers.ExpectContinue = true;
        return await _http.SendAsync(post, Cancel);
    }

    private static async Task<string> OkAsync(HttpResponseMessage response)
    {
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(HttpStatusCode.OK, body);
        return body;
    }

    private async Task ShouldBeMissing(string runs)
    {
        JsonElement state = await _http.GetFromJsonAsync<JsonElement>(_host!.UploadAddress("u"), Cancel);
        state.GetProperty("missing").GetRawText().ShouldBe(runs);
    }

    private static async Task<JsonElement> ShouldBeProblem(HttpResponseMessage response, HttpStatusCode status, string type, string says)
    {
        string body = await response.Content.ReadAsStringAsync(Cancel);
        response.StatusCode.ShouldBe(status, body);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        JsonElement problem = JsonSerializer.Deserialize<JsonElement>(body);
        problem.GetProperty("type").GetString().ShouldBe(type);
        problem.GetProperty("detail").GetString()!.ShouldContain(says);
        return problem;
    }

    /// <summary>
    /// Sends the head and, when the server says that it reads them, the first bytes of a part by hand, and then nothing more.
    /// </summary>
    private async Task<Socket> BeginPartAsync(int part, PartChecksum digest, int bytes)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", _host!.Address.Port, Cancel);
        string head = $"PUT /uploads/u/parts/{part} HTTP/1.1\r\nHost: x\r\nContent-Length: {_layout.BytesOf(part)}\r\n"
            + $"Content-Digest: {DigestField.Format(digest)}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(head), Cancel);
        byte[] answer = new byte["HTTP/1.1 100 Continue\r\n\r\n".Length];
        for (int read = 0; read < answer.Length;)
        {
            read += await socket.ReceiveAsync(answer.AsMemory(read), Cancel);
        }

        Encoding.ASCII.GetString(answer).ShouldStartWith("HTTP/1.1 100");
        await socket.SendAsync(PartOf(part).AsMemory(0, bytes), Cancel);
        return socket;
    }

    private static async Task<string> ReadAllAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(Cancel);
    }
}
