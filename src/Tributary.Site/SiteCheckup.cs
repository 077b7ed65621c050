using Tributary.Federation.Jobs;
using Tributary.Provisioning;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>What stands between a site's kit and a site that trains.</summary>
public static class SiteCheckup
{
    private const long FreeBytesMin = 256L << 20;

    /// <summary>Checks folder, data and model.</summary>
    public static IEnumerable<Finding> Look(SiteFile file)
    {
        foreach (Finding finding in KitCheckup.LookAtFolder(file.Options.Folder, FreeBytesMin))
        {
            yield return finding;
        }

        yield return LookAtData(file.DataPath, file.ModelFolder);
        yield return LookAtModel(file.ModelFolder);
        foreach (SiteTrainerOffer trainer in file.Trainers)
        {
            yield return LookAtTrainer(trainer, file.Options.Kit?.Folder ?? Environment.CurrentDirectory);
        }
    }

    private static Finding LookAtTrainer(SiteTrainerOffer trainer, string folder)
    {
        string name = trainer.Offer.Name;
        string program = trainer.Offer.Command[0];
        if (!IsThere(program, folder))
        {
            return Finding.Fault("trainer", $"'{name}' runs {program}, which is not there", $"install it, or mend 'command' of '{name}' under 'trainers' in site.yaml");
        }

        return trainer.DataPath is { } data && !Path.Exists(data)
            ? Finding.Fault("trainer", $"'{name}' is to see {data}, which is not there", $"mend 'data' of '{name}' under 'trainers' in site.yaml")
            : Finding.Good("trainer", $"'{name}' runs {program}{(trainer.DataPath is null ? string.Empty : $" on {trainer.DataPath}")}");
    }

    private static bool IsThere(string program, string workingFolder)
    {
        if (program.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) || program.Contains('/', StringComparison.Ordinal))
        {
            return File.Exists(Path.Combine(workingFolder, program));
        }

        string[] endings = OperatingSystem.IsWindows() ? [".exe", ".cmd", ".bat", string.Empty] : [string.Empty];
        return (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator).Any(folder => endings.Any(ending => File.Exists(Path.Combine(folder, program + ending))));
    }

    private static Finding LookAtData(string? path, string? model)
    {
        const string Remedy = "name a JSONL file under 'data' in site.yaml, or with --data when the site is started";
        if (path is null)
        {
            return Finding.Warning("data", "site.yaml names none", Remedy);
        }

        try
        {
            if (model is null)
            {
                using FileStream opened = File.OpenRead(path);
                return Finding.Good("data", $"{path} has {opened.Length} bytes; its records can be read once there is a model");
            }

            // As the trainer inside reads them, at a length that every model has.
            int records = new RecordReader(model, new JobTraining { SequenceLength = 64 }).Read(path).Count;
            return Finding.Good("data", $"{path} has {records} records");
        }
        catch (ModelFormatException)
        {
            return Finding.Warning("data", $"{path} was not read, since the model cannot be used", "mend that first");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or TrainingDataException)
        {
            return Finding.Fault("data", e.Message, Remedy);
        }
    }

    private static Finding LookAtModel(string? folder)
    {
        const string Remedy = "name the checkpoint folder under 'model' in site.yaml, or with --model when the site is started";
        if (folder is null)
        {
            return Finding.Warning("model", "site.yaml names none, and the trainer inside needs its configuration and tokenizer", Remedy);
        }

        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(folder);
            LlamaModel.RequireFits(LlamaConfig.Load(folder), checkpoint.Manifest);
            return Finding.Good("model", $"{folder} has {checkpoint.Manifest.ElementCount} parameters");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or TensorFormatException or ModelFormatException)
        {
            return Finding.Fault("model", e.Message, Remedy);
        }
    }
}
