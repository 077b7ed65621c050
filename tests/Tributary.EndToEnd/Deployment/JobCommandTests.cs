using System.Text.Json;
using Tributary.Federation.Wire;
using Tributary.TestKit;

namespace Tributary.EndToEnd.Deployment;

/// <summary>The verbs of an administrator, as scripts use them: documents on stdout, and exit codes that say how it went.</summary>
public sealed class JobCommandTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_script_can_submit_follow_end_resume_clone_fetch_and_remove_jobs()
    {
        await using RunningFederation federation = await RunningFederation.StartAsync();
        await federation.SubmitAsync("first", 2);
        JsonElement ended = await JsonAsync(federation, "job", "watch", "first", "--json");
        ended.GetProperty("line").GetProperty("state").GetString().ShouldBe("Finished");
        ended.GetProperty("sites").EnumerateArray().Select(site => site.GetProperty("phase").GetString()).ShouldAllBe(phase => phase == "Waiting");

        (await JsonAsync(federation, "job", "list", "--json")).EnumerateArray().Single().GetProperty("name").GetString().ShouldBe("first");
        (await JsonAsync(federation, "job", "show", "first", "--json")).GetProperty("models").GetArrayLength().ShouldBe(3);
        ProgramResult logs = await RunAsync(federation, "job", "logs", "first", "--follow", "--json");
        JsonDocument.Parse(logs.Output.Trim().Split('\n')[^1]).RootElement.GetProperty("kind").GetString().ShouldBe("finished");
        (await JsonAsync(federation, "job", "download", "first", "--best", "--out", federation["best.safetensors"], "--json")).GetProperty("bytes").GetInt64().ShouldBe(new FileInfo(federation["best.safetensors"]).Length);

        // A clone starts from the model that is there; ended while it runs, it says so, and goes on when it is resumed.
        (await JsonAsync(federation, "job", "clone", "first", "--name", "second", "--rounds", "3", "--precision", "int8", "--json")).GetProperty("line").GetProperty("rounds").GetInt32().ShouldBe(3);
        await federation.UntilAsync("second", now => now.Line.State == JobState.Running);
        (await JsonAsync(federation, "job", "abort", "second", "--json")).GetProperty("line").GetProperty("state").GetString().ShouldBe("Aborted");
        (await RunAsync(federation, "job", "watch", "second")).ExitCode.ShouldBe(1);
        (await JsonAsync(federation, "job", "resume", "second", "--json")).GetProperty("run").GetInt32().ShouldBe(2);
        (await RunAsync(federation, "job", "watch", "second")).ExitCode.ShouldBe(0);

        (await JsonAsync(federation, "job", "delete", "first", "--json")).GetProperty("deleted").GetString().ShouldBe("first");
        ProgramResult gone = await RunAsync(federation, "job", "show", "first");
        (gone.ExitCode, gone.Error.Trim()).ShouldBe((1, "the server answered 404: There is no job 'first' at this server; 'job list' shows those there are."));
        (await JsonAsync(federation, "audit", "verify", federation["kits/server/data/audit.jsonl"], "--json")).GetProperty("whole").GetBoolean().ShouldBeTrue();
        JsonElement doctor = await JsonAsync(federation, "doctor", "--json");
        doctor.GetProperty("well").GetBoolean().ShouldBeTrue(doctor.ToString());
    }

    [Fact]
    public async Task What_is_wrong_is_said_in_one_line_with_a_code_of_its_own()
    {
        using var folder = new TempFolder();
        ProgramResult none = await TributaryProgram.RunAsync(folder.Path, Cancel, "job", "list");
        (none.ExitCode, none.Error.Trim().Split('\n').Length).ShouldBe((2, 1), none.Error);
        none.Error.ShouldContain("Give its folder with --kit, or set TRIBUTARY_KIT");
        await File.WriteAllTextAsync(folder["project.yaml"], TestProject.Yaml.Replace("server: {", "server: { port: 1,", StringComparison.Ordinal), Cancel);
        (await TributaryProgram.RunAsync(folder.Path, Cancel, "provision", "project.yaml")).ExitCode.ShouldBe(0);
        ProgramResult away = await TributaryProgram.RunAsync(folder.Path, Cancel, "job", "list", "--kit", "kits/admins/alice");
        (away.ExitCode, away.Error.Trim().Split('\n').Length).ShouldBe((1, 1), away.Error);
        ProgramResult doctor = await TributaryProgram.RunAsync(folder.Path, Cancel, "doctor", "--kit", "kits/admins/alice");
        doctor.ExitCode.ShouldBe(1);
        doctor.Output.ShouldContain("nothing listens there: is the server started");
        ProgramResult site = await TributaryProgram.RunAsync(folder.Path, Cancel, "job", "list", "--kit", "kits/sites/a");
        (site.ExitCode, site.Error.Trim()).ShouldBe((2, "kits/sites/a is the kit of site/a; one of an administrator is needed here, or a viewer's to look"));
    }

    private static Task<ProgramResult> RunAsync(RunningFederation federation, params string[] arguments) =>
        TributaryProgram.RunAsync(federation[string.Empty], Cancel, arguments[0] == "audit" ? arguments : [.. arguments, "--kit", federation["kits/admins/alice"]]);

    private static async Task<JsonElement> JsonAsync(RunningFederation federation, params string[] arguments)
    {
        ProgramResult result = await RunAsync(federation, arguments);
        result.ExitCode.ShouldBe(0, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }
}
