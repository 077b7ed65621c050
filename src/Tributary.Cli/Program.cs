using System.CommandLine;
using Tributary.Cli.Commands;
using Tributary.Cli.Terminal;

var root = new RootCommand("Federated learning for large language models: data stays at each site, only quantized model updates travel.")
{
    SimulateCommand.Create(),
    GenerateCommand.Create(),
    ModelCommand.Create(),
};
root.Options.Add(Failures.Verbose);

ParseResult parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    return Failures.Usage(parsed);
}

return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
