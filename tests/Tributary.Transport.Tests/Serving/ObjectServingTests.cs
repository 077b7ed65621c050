using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Tributary.Transport.Tests.Serving;

public sealed class ObjectServingTests : IAsyncDisposable
{
    private const int PartBytes = 4096;
    private const int Length = (2 * PartBytes) + 100;

    private readonly Scratch _scratch = new();
    private readonly HttpClient _http = new();
    private readonly byte[] _bytes = Scratch.Bytes(Length);
    private TransportHost _host = null!;
    private ObjectDescriptor _descriptor = null!;

    private string FilePath => _scratch.PathOf("model.safetensors");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<HttpResponseMessage> GetAsync(string? range, Action<HttpRequestMessage>? more = null, HttpMethod? method = null)
    {
        if (_host is null)
        {
            _host = await TransportHost.StartAsync(_scratch.Folder);
            _descriptor = await _host.PublishAsync("o", _scratch.Write("model.safetensors", _bytes), PartBytes);
        }

        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, _host.ObjectAddress("o"));
        if (range is not null)
        {
            request.Headers.TryAddWithoutValidation("Range", range);
        }

        more?.Invoke(request);
        return await _http.SendAsync(request, Cancel);
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=100-4999", 100, 5000)]
    [InlineData("bytes=4096-8191", 4096, 8192)]
    [InlineData("bytes=8000-", 8000, Length)]
    [InlineData("bytes=8000-99999", 8000, Length)]
    [InlineData("bytes=-50", Length - 50, Length)]
    [InlineData("bytes=-99999", 0, Length)]
    public async Task A_range_is_answered_with_exactly_those_bytes(string range, int from, int to)
    {
        using HttpResponseMessage response = await GetAsync(range);
        response.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        response.Content.Headers.ContentRange!.ToString().ShouldBe($"bytes {from}-{to - 1}/{Length}");
        response.Headers.ETag!.Tag.ShouldBe(_host.TagOf("o"));
        response.Headers.ETag.IsWeak.ShouldBeFalse();
        (await response.Content.ReadAsByteArrayAsync(Cancel)).ShouldBeBytes(_bytes[from..to]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("bytes=0-1,5-6")]
    [InlineData("lines=0-1")]
    [InlineData("bytes=5-3")]
    [InlineData("nonsense")]
    public async Task A_request_without_one_good_range_is_answered_with_everything(string? range)
    {
        using HttpResponseMessage response = await GetAsync(range);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Headers.AcceptRanges.ShouldBe(["bytes"]);
        (await response.Content.ReadAsByteArrayAsync(Cancel)).ShouldBeBytes(_bytes);
    }

    [Theory]
    [InlineData("bytes=8292-")]
    [InlineData("bytes=9000-9001")]
    [InlineData("bytes=-0")]
    public async Task A_range_behind_the_end_is_416_with_the_length(string range)
    {
        using HttpResponseMessage response = await GetAsync(range);
        response.StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        response.Content.Headers.ContentRange!.ToString().ShouldBe($"bytes */{Length}");
        (await ProblemOf(response)).GetProperty("type").GetString().ShouldBe(ProblemTypes.RangeNotSatisfiable);
    }

    [Fact]
    public async Task Head_tells_the_length_and_sends_nothing()
    {
        using HttpResponseMessage response = await GetAsync("bytes=0-5", method: HttpMethod.Head);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentLength.ShouldBe(Length);
        (await response.Content.ReadAsByteArrayAsync(Cancel)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_range_of_an_object_that_is_another_now_gives_all_of_the_new_one()
    {
        using HttpResponseMessage other = await GetAsync("bytes=0-5", get => get.Headers.IfRange = new("\"sha256:other\""));
        (other.StatusCode, other.Content.Headers.ContentLength).ShouldBe((HttpStatusCode.OK, Length));
        using HttpResponseMessage same = await GetAsync("bytes=0-5", get => get.Headers.IfRange = new(_host.TagOf("o")));
        (same.StatusCode, same.Content.Headers.ContentLength).ShouldBe((HttpStatusCode.PartialContent, 6));
    }

    [Fact]
    public async Task Preconditions_on_the_tag_are_kept()
    {
        await GetAsync(null);
        var tag = new EntityTagHeaderValue(_host.TagOf("o"));
        (await GetAsync(null, get => get.Headers.IfNoneMatch.Add(tag))).StatusCode.ShouldBe(HttpStatusCode.NotModified);
        (await GetAsync(null, get => get.Headers.IfMatch.Add(tag))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await GetAsync(null, get => get.Headers.IfMatch.Add(EntityTagHeaderValue.Any))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await GetAsync(null, get => get.Headers.IfMatch.Add(new("\"sha256:other\""))))
            .StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
    }

    [Fact]
    public async Task A_response_that_is_one_part_says_its_digest()
    {
        using HttpResponseMessage part = await GetAsync($"bytes={PartBytes}-{(2 * PartBytes) - 1}");
        string expected = DigestField.Format(PartChecksum.Of(_bytes.AsSpan(PartBytes, PartBytes)));
        part.Headers.GetValues("Content-Digest").ShouldBe([expected]);
        using HttpResponseMessage less = await GetAsync($"bytes={PartBytes}-{(2 * PartBytes) - 2}");
        less.Headers.Contains("Content-Digest").ShouldBeFalse();
    }

    [Fact]
    public async Task The_descriptor_lists_what_is_needed_to_check_every_part()
    {
        await GetAsync(null);
        JsonElement json = await _http.GetFromJsonAsync<JsonElement>(new Uri(_host.Address, "/objects/o/descriptor"), Cancel);
        json.GetProperty("id").GetString().ShouldBe("o");
        json.GetProperty("length").GetInt64().ShouldBe(Length);
        json.GetProperty("partBytes").GetInt32().ShouldBe(PartBytes);
        json.GetProperty("digest").GetString().ShouldBe(_descriptor.Digest);
        json.GetProperty("parts").EnumerateArray().Select(part => part.GetString())
            .ShouldBe(_bytes.Chunk(PartBytes).Select(part => PartChecksum.Of(part).ToString()));
        using HttpResponseMessage missing = await _http.GetAsync(new Uri(_host.Address, "/objects/none/descriptor"), Cancel);
        (await ProblemOf(missing)).GetProperty("type").GetString().ShouldBe(ProblemTypes.ObjectNotFound);
    }

    [Fact]
    public async Task A_file_that_changed_is_not_served_and_the_error_names_it()
    {
        await GetAsync(null);
        await File.AppendAllTextAsync(FilePath, "more", Cancel);
        using HttpResponseMessage response = await GetAsync("bytes=0-5");
        response.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        JsonElement problem = await ProblemOf(response);
        problem.GetProperty("type").GetString().ShouldBe(ProblemTypes.ObjectChanged);
        problem.GetProperty("detail").GetString()!.ShouldContain("model.safetensors");
        _host.Log.ShouldContain(line =>
            line.Contains($"model.safetensors has {Length + 4} bytes, and had {Length}"));
    }

    [Fact]
    public async Task A_file_that_was_overwritten_in_place_is_not_served_and_the_error_names_it()
    {
        await GetAsync(null);
        _bytes[5000]++;
        await File.WriteAllBytesAsync(FilePath, _bytes, Cancel);
        File.SetLastWriteTimeUtc(FilePath, DateTime.UtcNow.AddMinutes(1));
        (await GetAsync("bytes=0-5")).StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        _host.Log.ShouldContain(line => line.Contains("model.safetensors was written at"));
    }

    [Fact]
    public async Task Bytes_that_rotted_since_they_were_recorded_break_the_response_off_and_the_error_names_the_part()
    {
        await GetAsync(null);
        _bytes[5000]++;
        await File.WriteAllBytesAsync(FilePath, _bytes, Cancel);
        _host.Publish("o", ServedObject.FromFile(FilePath, _descriptor));
        await Should.ThrowAsync<HttpRequestException>(() => GetAsync(null));
        _host.Log.ShouldContain(line => line.Contains("Object o") && line.Contains("part 1 (bytes from 4096)"));
        (await GetAsync("bytes=0-4095")).StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
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

    private static async Task<JsonElement> ProblemOf(HttpResponseMessage response)
    {
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        return await response.Content.ReadFromJsonAsync<JsonElement>(Cancel);
    }
}
