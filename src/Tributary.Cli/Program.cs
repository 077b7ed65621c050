using System.CommandLine;
using System.CommandLine.Invocation;
using Tributary.Cli.Commands;
using Tributary.Cli.Terminal;

ParseResult parsed = CommandLine.Create().Parse(args);

// With --help, what is missing does not matter.
if (parsed.Action is ParseErrorAction)
{
    return Failures.Usage(parsed);
}

// After Ctrl-C a verb ends its processes and removes what it has half-written, which may be gigabytes.
return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
