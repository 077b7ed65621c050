using System.Text.RegularExpressions;
using Tributary.Federation.Jobs;
using Tributary.Federation.Messages;
using Tributary.Federation.Wire;
using Tributary.Federation.Workflows;
using Tributary.Site.Tests.Harness;
using Tributary.TestKit;

namespace Tributary.Site.Tests;

/// <summary>Tasks that a site must not do: too large for it, or reaching for what is not the server's. It says why and stays.</summary>
public sealed class BadTaskTests
{
    private static readonly string Digest = "sha256:" + new string('0', 64);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_message_longer_than_the_site_takes_is_refused_before_a_byte_is_fetched_or_a_file_made()
    {
        await using StubServer stub = await StubServer.StartAsync();
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient(), messageBytesMax: 1000);
        (await FailureAsync(stub)).ShouldMatch(@"the message has 1\d\d\d bytes, and this site takes at most 1000");
        Files(agent).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_that_is_longer_than_its_task_says_is_refused_all_the_same()
    {
        await using StubServer stub = await StubServer.StartAsync(task => task with { Message = task.Message with { Length = 10 } });
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient(), messageBytesMax: 1000);
        (await FailureAsync(stub)).ShouldMatch(@"the object has 1\d\d\d bytes, and at most 1000 are taken here");
        Files(agent).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_base_longer_than_the_site_takes_is_refused_too()
    {
        await using StubServer stub = await StubServer.StartAsync(task => task with
        {
            Message = task.Message with { Length = 10 },
            Base = new BaseDocument(task.Message.Path, Digest),
        });
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient(), messageBytesMax: 1000);
        (await FailureAsync(stub)).ShouldMatch(@"the object has 1\d\d\d bytes, and at most 1000 are taken here");
        Files(agent).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("http://localhost:1/v1/jobs/demo/objects/message")]
    [InlineData("//localhost:1/v1/jobs/demo/objects/message")]
    [InlineData("file:///etc/passwd")]
    public async Task An_object_elsewhere_than_at_the_server_is_not_fetched_and_nobody_else_sees_the_token(string path)
    {
        await using StubServer stub = await StubServer.StartAsync(task => task with { Message = task.Message with { Path = path } });
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient());
        (await FailureAsync(stub)).ShouldContain($"the task's object '{path}' is not at the server");
        Files(agent).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("sha256:../../elsewhere")]
    [InlineData("/etc/passwd")]
    [InlineData("sha256:a\0b")]
    public async Task A_models_digest_that_would_be_a_path_is_refused_and_nothing_is_written_there(string digest)
    {
        await using StubServer stub = await StubServer.StartAsync(task => task with
        {
            Job = task.Job with { Exchange = Exchange.Delta },
            Base = new BaseDocument(task.Message.Path, digest),
            Message = task.Message with { Meaning = new MessageMeaning(MessageKind.Delta, digest, "fp32") },
        });
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient());
        (await FailureAsync(stub)).ShouldContain("which is no digest");
        Files(agent).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_that_claims_the_digest_of_a_path_is_refused()
    {
        await using StubServer stub = await StubServer.StartAsync(task => task with
        {
            Job = task.Job with { Exchange = Exchange.Delta },
            Message = task.Message with { Digest = "sha256:../message" },
        });
        await using var agent = new RunningAgent(stub.Address, ScriptedExecutor.Obedient());
        (await FailureAsync(stub)).ShouldContain("which is no digest");
    }

    /// <summary>Two agents would each throw away the model that the other holds.</summary>
    [Fact]
    public async Task A_second_agent_on_a_folder_is_refused_with_one_line_and_the_first_goes_on()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using var first = new RunningAgent(server.Server.Address, ScriptedExecutor.Obedient());
        Should.Throw<IOException>(() => new RunningAgent(server.Server.Address, ScriptedExecutor.Obedient(), folder: first.Folder)).Message
            .ShouldBe($"{first.Folder} is in use by another site's agent; stop that one, or give this one another folder");
        await server.Run(TestServer.Job("a")).Job;
    }

    private static async Task<string> FailureAsync(StubServer stub)
    {
        (string what, string body) = await stub.Taken.Task.WaitAsync(Cancel);
        what.ShouldBe("failure");
        return Regex.Unescape(body);
    }

    private static string[] Files(RunningAgent agent) => [.. Directory.GetFiles(agent.Folder, "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "in-use")];
}
