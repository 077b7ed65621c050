using CustomExecutor;
using Tributary.Federation.Jobs;
using Tributary.Simulation;
using Tributary.Simulation.Reports;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

// dotnet run --project samples/custom-executor -- OUTPUT-FOLDER
string output = args[0];
Directory.CreateDirectory(Path.Combine(output, "model"));
var zero = new ArraySource(("b", new TensorShape(1), [0]), ("w", new TensorShape(1), [0]));
new SafetensorsWriter(zero).WriteFile(Path.Combine(output, "model", "model.safetensors"));

// Two laboratories measure the same line, y = 3 x - 1, at different places.
var north = new RegressionExecutor([(0, -1), (0.5f, 0.5f), (1, 2)]);
var south = new RegressionExecutor([(1.5f, 3.5f), (2, 5)]);
var options = new SimulationOptions
{
    File = new JobFile
    {
        Job = new Job { Name = "line", Sites = ["north", "south"], Rounds = 30, Precision = new JobPrecision("fp32", "fp32") },
        Model = null,
        Sites = [new JobFileSite("north", "", null), new JobFileSite("south", "", null)],
    },
    ModelFolder = Path.Combine(output, "model"),
    DataFolder = output,
    OutFolder = Path.Combine(output, "run"),
    Executors = site => site.Name == "north" ? north : south,
};
using FederationSimulation simulation = FederationSimulation.Prepare(options, TimeProvider.System);
RunSummary run = await simulation.RunAsync(happened => { }, CancellationToken.None);

using SafetensorsFile model = SafetensorsFile.Open(Path.Combine(run.Paths.Model, "model.safetensors"));
Console.WriteLine($"y = {model.ReadFloats("w")[0]:0.00} x + {model.ReadFloats("b")[0]:0.00}; loss {run.InitialLoss:0.000} -> {run.FinalLoss:0.000}");
