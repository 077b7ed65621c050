using Tributary.Federation.Tasks;
using Tributary.Site.Tests.Harness;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Site.Tests.Processes;

/// <summary>python/tributary.py with PyTorch: a value that is bent on the way is trained on, and nobody sees it.</summary>
public sealed class TorchTrainerTests
{
    private static readonly MemorySource Model = new(
        MemorySource.Gaussian("fp32", DType.F32, [33, 65], seed: 1),
        MemorySource.Gaussian("fp16", DType.F16, [7, 3], seed: 2),
        MemorySource.Gaussian("bf16", DType.BF16, [5], seed: 3),
        (new TensorSpec("empty", DType.F32, new TensorShape([0, 4])), []),
        (new TensorSpec("scalar", DType.F32, new TensorShape([])), [0, 0, 0x80, 0x3f]),
        (new TensorSpec("positions", DType.I64, new TensorShape([2])), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));

    [Fact]
    public async Task Every_type_passes_through_PyTorch_bit_for_bit_and_numpy_is_not_asked()
    {
        using PythonTrainer trainer = Torch("""
            sys.modules["numpy"] = None
            for task in tributary.tasks():
                tensors = task.tensors()
                assert {name: str(tensor.dtype)[6:] for name, tensor in tensors.items()} == dict(
                    fp32="float32", fp16="float16", bf16="bfloat16", empty="float32", scalar="float32", positions="int64"), tensors
                assert tensors["fp32"].shape == (33, 65) and tensors["scalar"].shape == () and tensors["empty"].shape == (0, 4)
                tensors["fp32"].add_(0)
                task.send(tensors, samples=1)
            """);
        TaskResult result = await trainer.TrainAsync(Model);
        foreach (TensorEntry entry in Model.Manifest)
        {
            result.Model!.Manifest[result.Model.Manifest.IndexOf(entry.Spec.Name)].Spec.ShouldBe(entry.Spec);
            result.Model.ReadTensor(entry.Spec.Name).ShouldBe(Model.ReadTensor(entry.Spec.Name), entry.Spec.Name);
        }
    }

    [Fact]
    public async Task A_module_with_tied_weights_is_loaded_trained_and_sent_under_the_received_names()
    {
        using PythonTrainer trainer = Torch("""
            module = torch.nn.Module()
            module.w = torch.nn.Linear(3, 2, bias=False)
            module.head = module.w
            for task in tributary.tasks():
                task.load_into(module)
                optimizer = torch.optim.SGD(module.parameters(), lr=1)
                loss = module.w.weight.sum()
                loss.backward()
                optimizer.step()
                task.log(step=1, steps=1, loss=loss)
                task.send(module.state_dict(), samples=1, metrics={"local_loss": module.w.weight.sum()})
            """);
        TaskResult result = await trainer.TrainAsync(new MemorySource(MemorySource.F32("w.weight", [2, 3], 1, 2, 3, 4, 5, 6)));
        result.Model!.ReadFloats("w.weight").ShouldBe([0, 1, 2, 3, 4, 5]);
        result.Metrics[MetricNames.TrainLoss].ShouldBe(21);
        result.Metrics[MetricNames.LocalLoss].ShouldBe(15);
    }

    [Fact]
    public async Task A_module_of_another_model_is_refused_with_the_names_that_differ()
    {
        using PythonTrainer trainer = Torch("""
            for task in tributary.tasks(): task.load_into(torch.nn.Linear(3, 2))
            """);
        TaskFailedException failed = await Should.ThrowAsync<TaskFailedException>(trainer.TrainAsync());
        failed.Message.ShouldContain("ValueError: the module and the received model differ: weight, bias only in the module, w, b only in the model");
    }

    private static PythonTrainer Torch(string script)
    {
        Assert.SkipUnless(Repository.IsCi || Directory.Exists("/usr/lib/python3/dist-packages/torch"), "python3-torch is not installed");
        return new PythonTrainer("import sys\nimport tributary\nimport torch\n" + script, torch: true);
    }
}
