namespace Tributary.Simulation.Reports;

/// <summary>Where the results lie and what to type next.</summary>
internal static class NextSteps
{
    public static Html Render(RunSummary run) => Html.Join([
        Commands(run),
        Html.From($"""
            <dl class="facts paths">
            <div><dt>Last model</dt><dd><code>{run.Paths.Model}</code></dd></div>
            <div><dt>Best model</dt><dd><code>{run.Paths.BestModel}</code></dd></div>
            <div><dt>Metrics, a line each</dt><dd><code>{run.Paths.Metrics}</code></dd></div>
            <div><dt>This report</dt><dd><code>{run.Paths.Report}</code></dd></div>
            </dl>
            <p class="note">Both models are {(run.Base is null ? "Hugging Face checkpoint folders" : "adapters in PEFT's layout")}. The paths are those of the machine that ran the job.</p>
            """),
    ]);

    private static Html Commands(RunSummary run)
    {
        int last = run.Rounds.Count == 0 ? 0 : run.Rounds[^1].Round;
        return last == run.BestRound
            ? Html.From($"<p>Try the last model, {ModelAfter(last)}; it also has the lowest held-out loss:</p>\n{Command(run, run.Paths.Model)}")
            : Html.From($"""
                <p>Try the last model, {ModelAfter(last)}:</p>
                {Command(run, run.Paths.Model)}
                <p>or the one with the lowest held-out loss, {ModelAfter(run.BestRound)}:</p>
                {Command(run, run.Paths.BestModel)}
                """);
    }

    private static Html Command(RunSummary run, string model) => run.Base is { } frozen
        ? Html.From($"""
            <pre><code>./tributary model merge --base {Quoted(frozen.Path)} --adapter {Quoted(model)} --out {Quoted(model + "-merged")}
            ./tributary generate --model {Quoted(model + "-merged")} --prompt "..."</code></pre>
            """)
        : Html.From($"<pre><code>./tributary generate --model {Quoted(model)} --prompt \"...\"</code></pre>");

    private static string ModelAfter(int round) => round == 0 ? "which is the initial one" : $"after round {round}";

    // As a POSIX shell takes it literally.
    private static string Quoted(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-' or '+' or ':' or '@' or '%' or ',' or '=')
            ? path
            : $"'{path.Replace("'", @"'\''")}'";
}
