using CustomFilter;
using Tributary.Federation.Jobs;
using Tributary.Simulation;
using Tributary.Simulation.Reports;

// dotnet run --project samples/custom-filter -- samples/quickstart OUTPUT-FOLDER
(string sample, string output) = (args[0], args[1]);
string yaml = await File.ReadAllTextAsync(Path.Combine(sample, "job.yaml"));
JobFile file = JobFile.Parse(yaml, "job.yaml");
var options = new SimulationOptions
{
    File = file with { Job = file.Job with { Rounds = 1 } },
    ModelFolder = Path.Combine(sample, file.Model!),
    DataFolder = sample,
    OutFolder = output,
    ResultFilters = site => [new ClampFilter(0.01f)],
};
using FederationSimulation simulation = FederationSimulation.Prepare(options, TimeProvider.System);
RunSummary run = await simulation.RunAsync(happened => { }, CancellationToken.None);
Console.WriteLine($"held-out loss {run.InitialLoss:0.000} -> {run.FinalLoss:0.000}; report: {run.Paths.Report}");
