using Tributary.Provisioning;

namespace Tributary.TestKit;

/// <summary>A project with kits as an administrator makes them: real certificates, in a folder that is gone when the test is.</summary>
public sealed class TestProject : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TimeProvider _time;

    /// <param name="yaml">The project file; null for one with a server on loopback, two sites, an administrator and a viewer.</param>
    /// <param name="time">The clock when it is made; null for the machine's.</param>
    public TestProject(string? yaml = null, TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        File = ProjectFile.Parse(yaml ?? Yaml, "project.yaml");
        Provisioner = new Provisioner(Kits, _time);
        Provision();
    }

    public const string Yaml = """
        name: test
        server: { addresses: [localhost, 127.0.0.1] }
        sites: [a, b]
        admins: [alice]
        viewers: [bob]
        """;

    public ProjectFile File { get; private set; }

    public Provisioner Provisioner { get; }

    public string Kits => _folder["kits"];

    public string this[string name] => _folder[name];

    public ProvisioningReport Provision(string? yaml = null)
    {
        File = yaml is null ? File : ProjectFile.Parse(yaml, "project.yaml");
        return Provisioner.Provision(File, static _ => { }, CancellationToken.None);
    }

    /// <summary>The folder of a party's kit, such as <c>site/a</c>.</summary>
    public string Folder(string party) => party.StartsWith("server/", StringComparison.Ordinal)
        ? Path.Combine(Kits, "server")
        : Path.Combine(Kits, party.Replace("/", "s/", StringComparison.Ordinal));

    /// <summary>A party's kit, opened.</summary>
    public Kit Open(string party, TimeProvider? time = null) => Kit.Load(Folder(party), role: null, time ?? _time);

    public void Dispose() => _folder.Dispose();
}
