using System.Text.Json;
using Tributary.Federation.Rounds;
using Tributary.Federation.Tasks;
using Tributary.TestKit;

namespace Tributary.Simulation.Tests;

/// <summary>metrics.jsonl is what people plot; a line that is missing or there twice bends their curves.</summary>
public sealed class MetricsFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_step_that_a_site_tells_of_while_training_has_one_line()
    {
        var training = new SiteProgressed(2, "clinic", new TaskProgress(TaskPhase.Training, 3, 10, 0.5, 4100));
        JsonElement[] lines = Write(
            new SiteProgressed(2, "clinic", new TaskProgress(TaskPhase.Downloading, 100, 200)),
            new SiteProgressed(2, "clinic", new TaskProgress(TaskPhase.Training)),
            training,
            training,
            new SiteProgressed(2, "bank", training.Progress),
            training with { Progress = training.Progress with { Done = 4, Loss = null, TokensPerSecond = null } });
        lines.Select(line => (line.GetProperty("site").GetString(), line.GetProperty("step").GetInt64())).ShouldBe([("clinic", 3), ("bank", 3), ("clinic", 4)]);
        lines[0].GetProperty("event").GetString().ShouldBe("progress");
        lines[0].GetProperty("round").GetInt32().ShouldBe(2);
        lines[0].GetProperty("steps").GetInt64().ShouldBe(10);
        lines[0].GetProperty("loss").GetDouble().ShouldBe(0.5);
        lines[0].GetProperty("tokens_per_second").GetDouble().ShouldBe(4100);
        lines[2].GetProperty("loss").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public void A_task_that_was_tried_again_is_there_with_its_reason()
    {
        JsonElement line = Write(new TaskRetried(1, "bank", "the trainer 'pytorch' was killed by signal 9")).ShouldHaveSingleItem();
        line.GetProperty("event").GetString().ShouldBe("retry");
        line.GetProperty("site").GetString().ShouldBe("bank");
        line.GetProperty("reason").GetString().ShouldBe("the trainer 'pytorch' was killed by signal 9");
    }

    private JsonElement[] Write(params JobEvent[] events)
    {
        using (var file = new MetricsFile(_folder["metrics.jsonl"], TimeProvider.System))
        {
            foreach (JobEvent happened in events)
            {
                file.Write(happened);
            }
        }

        return [.. File.ReadLines(_folder["metrics.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
