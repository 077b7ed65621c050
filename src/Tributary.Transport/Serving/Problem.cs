using Microsoft.AspNetCore.Http;

namespace Tributary.Transport;

/// <summary>An answer that says no, as a problem document.</summary>
internal sealed record Problem(
    int Status, string Type, string Title, string Detail, params IEnumerable<(string Name, object Value)> Members)
{
    public Task WriteAsync(HttpContext context) =>
        TypedResults.Problem(
            detail: Detail,
            statusCode: Status,
            title: Title,
            type: Type,
            extensions: Members.Select(member => KeyValuePair.Create(member.Name, (object?)member.Value))).ExecuteAsync(context);

    public static Problem BadDocument(string what, string why) =>
        new(StatusCodes.Status400BadRequest, ProblemTypes.BadDocument, "The document cannot be used", $"{what}: {why}");

    /// <summary>Runs of part numbers, first and last, as they stand in documents.</summary>
    public static int[][] Runs(IEnumerable<int> parts)
    {
        List<int[]> runs = [];
        foreach (int part in parts)
        {
            if (runs.Count > 0 && runs[^1][1] == part - 1)
            {
                runs[^1][1] = part;
            }
            else
            {
                runs.Add([part, part]);
            }
        }

        return [.. runs];
    }

    /// <summary>The first few runs as text, for people.</summary>
    public static string Text(int[][] runs)
    {
        const int RunsShown = 8;
        string text = string.Join(", ", runs.Take(RunsShown).Select(run => run[0] == run[1] ? $"{run[0]}" : $"{run[0]} to {run[1]}"));
        return runs.Length > RunsShown ? text + " and more" : text;
    }
}
