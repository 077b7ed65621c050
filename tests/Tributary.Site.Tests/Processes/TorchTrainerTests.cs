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

    [Fact]
    public async Task Under_torchrun_every_rank_gets_the_tasks_and_the_sum_of_their_gradients_comes_back_once()
    {
        // Ranks are started as torchrun does it, which Debian's torch 1.13 cannot with Python 3.13: they share stdin and stdout. A second voice
        // would break the protocol, and a rank that is not told of a task or of the end would leave the others waiting. The clock stands still,
        // so that ranks that a busy machine keeps from ending are not killed before they do.
        using PythonTrainer trainer = Torch("""
            rank = int(os.environ["RANK"])
            torch.distributed.init_process_group("gloo", init_method="file://" + os.path.join(os.getcwd(), "store"), rank=rank, world_size=3)
            for task in tributary.tasks():
                gradient = torch.full((3,), float(rank + task.round))
                torch.distributed.all_reduce(gradient)
                task.log(step=rank + 1, steps=9, loss=rank)
                task.send({"w": task.tensors()["w"] + gradient}, samples=rank + 1, metrics={"rank": rank})
            os.write(2, f"rank {rank} ends\n".encode()) # in one piece: the ranks end at the same time
            """, before: """
            import os, subprocess, sys
            if "RANK" not in os.environ:
                ranks = [subprocess.Popen([sys.executable, "-B", __file__], env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "3"}) for rank in (2, 1, 0)]
                sys.exit(max(rank.wait() for rank in ranks))

            """, time: new ManualTime());
        var model = new MemorySource(MemorySource.F32("w", [3], 1, 2, 3));
        for (int round = 1; round <= 2; round++)
        {
            TaskResult result = await trainer.TrainAsync(model, round: round);
            result.Model!.ReadFloats("w").ShouldBe([4 + (3 * round), 5 + (3 * round), 6 + (3 * round)]);
            result.Samples.ShouldBe(1);
            result.Metrics["rank"].ShouldBe(0);
            result.Metrics[MetricNames.Steps].ShouldBe(1);
        }

        trainer.Trainer.Dispose();
        trainer.Log.Split('\n').Where(line => line.EndsWith("ends", StringComparison.Ordinal)).Order().ShouldBe(["rank 0 ends", "rank 1 ends", "rank 2 ends"]);
    }

    /// <summary>
    /// Hugging Face's Trainer is not here, so its loop over callbacks is played: events, arguments and defaults as transformers 4 and 5 have them
    /// (TrainerCallback, TrainerState, TrainerControl).
    /// </summary>
    [Fact]
    public async Task The_callback_for_Hugging_Faces_Trainer_tells_of_its_logs_and_stops_it_when_the_task_is_not_wanted()
    {
        using PythonTrainer trainer = Torch("""
            import types
            transformers = types.ModuleType("transformers")
            class TrainerCallback:
                def on_train_begin(self, args, state, control, **kwargs): pass
                def on_step_end(self, args, state, control, **kwargs): pass
                def on_log(self, args, state, control, **kwargs): pass
                def on_evaluate(self, args, state, control, **kwargs): pass
            transformers.TrainerCallback = TrainerCallback
            sys.modules["transformers"] = transformers

            def train(callback, steps):
                state = types.SimpleNamespace(global_step=0, max_steps=steps, num_input_tokens_seen=0)
                control = types.SimpleNamespace(should_training_stop=False)
                call = lambda event, **more: getattr(callback, event)(None, state, control, model=None, optimizer=None, **more) or control
                call("on_train_begin")
                while state.global_step < steps and not control.should_training_stop:
                    state.global_step += 1
                    control = call("on_step_end")
                    control = call("on_log", logs={"loss": 4.0 / state.global_step, "learning_rate": 1e-3})
                call("on_evaluate", metrics={"eval_loss": 1.0})
                call("on_log", logs={"eval_loss": 1.0})
                return state.global_step

            for task in tributary.tasks():
                done = train(tributary.trainer_callback(task), 2 if task.round != 2 else 10**9)
                if not task.aborted:
                    task.send({"w": task.tensors()["w"]}, samples=1, metrics={"done": done})
            """);
        var model = new MemorySource(MemorySource.F32("w", [1], 1));
        TaskResult result = await trainer.TrainAsync(model);
        (result.Metrics["done"], result.Metrics[MetricNames.Steps], result.Metrics[MetricNames.TrainLoss]).ShouldBe((2, 2, 3));
        (await trainer.UntilProgressAsync()).ShouldBe(new TaskProgress(TaskPhase.Training, 1, 2, 4));
        (await trainer.UntilProgressAsync()).ShouldBe(new TaskProgress(TaskPhase.Training, 2, 2, 2));

        int id = trainer.Trainer.ProcessId!.Value;
        using var unwanted = new CancellationTokenSource();
        Task<TaskResult> task = trainer.TrainAsync(model, unwanted.Token, round: 2);
        while ((await trainer.UntilProgressAsync()).Total != 1_000_000_000)
        {
            // Of the task before.
        }

        await unwanted.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(task);
        (await trainer.TrainAsync(model, round: 3)).Metrics["done"].ShouldBe(2);
        trainer.Trainer.ProcessId.ShouldBe(id, "a Trainer that was stopped lives on for the next task");
    }

    private static PythonTrainer Torch(string script, string before = "", TimeProvider? time = null)
    {
        Assert.SkipUnless(Repository.IsCi || Directory.Exists("/usr/lib/python3/dist-packages/torch"), "python3-torch is not installed");
        return new PythonTrainer(before + "import sys\nimport tributary\nimport torch\n" + script, time, torch: true);
    }
}
