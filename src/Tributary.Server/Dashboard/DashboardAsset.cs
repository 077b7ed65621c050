using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Tributary.Server.Dashboard;

/// <summary>A file of the dashboard as browsers get it: compressed once, and sent again only when it has changed.</summary>
internal sealed class DashboardAsset
{
    private readonly string _type;
    private readonly byte[] _plain;
    private readonly byte[] _zipped;
    private readonly string _tag;

    public DashboardAsset(string type, string content)
    {
        _type = type;
        _plain = Encoding.UTF8.GetBytes(content);
        _tag = Convert.ToHexStringLower(SHA256.HashData(_plain))[..16];
        using var zipped = new MemoryStream();
        using (var zip = new GZipStream(zipped, CompressionLevel.Optimal, leaveOpen: true))
        {
            zip.Write(_plain);
        }

        _zipped = zipped.ToArray();
    }

    public async Task WriteAsync(HttpContext context)
    {
        bool zips = context.Request.GetTypedHeaders().AcceptEncoding.Any(encoding => encoding.Value == "gzip" && encoding.Quality is null or > 0);
        var tag = new EntityTagHeaderValue($"\"{_tag}{(zips ? "-gzip" : string.Empty)}\"");
        HttpResponse response = context.Response;
        response.Headers.ETag = tag.ToString();
        response.Headers.CacheControl = "no-cache";
        response.Headers.Vary = "Accept-Encoding";
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(known => known.Compare(tag, useStrongComparison: false)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        byte[] body = zips ? _zipped : _plain;
        response.Headers.ContentEncoding = zips ? "gzip" : default;
        response.ContentType = _type;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }
}
