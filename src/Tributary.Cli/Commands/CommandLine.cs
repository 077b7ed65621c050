using System.CommandLine;
using Tributary.Cli.Terminal;

namespace Tributary.Cli.Commands;

/// <summary>All verbs.</summary>
internal static class CommandLine
{
    public static RootCommand Create()
    {
        var root = new RootCommand("Federated learning for large language models: data stays at each site, only quantized model updates travel.")
        {
            SimulateCommand.Create(),
            GenerateCommand.Create(),
            ModelCommand.Create(),
            ProvisionCommand.Create(),
            PlanCommand.Create(),
            PrivacyCommand.Create(),
            JobCommand.Create(),
            DashboardCommand.Create(),
            ServerCommand.Create(),
            SiteCommand.Create(),
            DoctorCommand.Create(),
            AuditCommand.Create(),
            SensitivityCommand.Create(),
            BenchCommand.Create(),
        };
        root.Options.Add(Failures.Verbose);
        Examples.ShowInHelp(root);
        return root;
    }
}
