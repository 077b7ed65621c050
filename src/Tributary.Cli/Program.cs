using System.CommandLine;
using System.CommandLine.Invocation;
using Tributary.Cli.Commands;
using Tributary.Cli.Terminal;

var root = new RootCommand("Federated learning for large language models: data stays at each site, only quantized model updates travel.")
{
    SimulateCommand.Create(),
    GenerateCommand.Create(),
    ModelCommand.Create(),
};
root.Options.Add(Failures.Verbose);
Examples.ShowInHelp(root);

ParseResult parsed = root.Parse(args);
// With --help, what is missing does not matter.
if (parsed.Action is ParseErrorAction)
{
    return Failures.Usage(parsed);
}

return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
