using Tributary.Federation.Jobs;

namespace Tributary.Simulation.Sensitivity;

/// <summary>The measured sensitivities that a job file names.</summary>
public static class SensitivityFile
{
    /// <summary>Puts what the file says into the job, from where it goes to server and sites; the job file as it is where it names none.</summary>
    /// <param name="file">The job file.</param>
    /// <param name="folder">The folder that its paths are relative to.</param>
    /// <exception cref="UsageException">There is no such file, or it is something else.</exception>
    public static JobFile Apply(JobFile file, string folder)
    {
        if (file.Sensitivity is null)
        {
            return file;
        }

        string path = Path.Combine(folder, file.Sensitivity);
        if (!File.Exists(path))
        {
            throw new UsageException($"{path}: there is no such file of sensitivities; make it with 'tributary sensitivity --model DIR --data FILE --out FOLDER', or leave 'sensitivity' out of the job file");
        }

        JobPrecision precision = file.Job.Precision;
        JobBudget budget = (precision.Budget ?? new JobBudget()) with { Weights = SensitivityReport.Parse(File.ReadAllText(path), path).Weights() };
        return file with { Job = file.Job with { Precision = precision with { Budget = budget } } };
    }
}
