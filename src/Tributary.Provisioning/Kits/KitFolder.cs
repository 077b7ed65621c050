using System.IO.Compression;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tributary.Provisioning;

/// <summary>A party's kit among all kits: a folder, and the same zipped beside it, to be handed to the party.</summary>
internal sealed class KitFolder
{
    private const int RegularFile = 0x8000;

    private readonly string _zip;

    public KitFolder(string kits, Party party)
    {
        Party = party;
        Path = party.Role == PartyRole.Server
            ? System.IO.Path.Combine(kits, Party.Word(party.Role))
            : System.IO.Path.Combine(kits, Party.Word(party.Role) + "s", party.Name);
        _zip = Path + ".zip";
    }

    public Party Party { get; }

    public string Path { get; }

    public bool Exists => Directory.Exists(Path);

    /// <summary>The certificate in it.</summary>
    public X509Certificate2 ReadCertificate() => PemFiles.ReadCertificate(File(KitFiles.Certificate));

    /// <summary>Makes the kit, under its name only when it is complete.</summary>
    /// <param name="project">The project, of which the configuration speaks.</param>
    /// <param name="certificate">The certificate.</param>
    /// <param name="key">Its key; null where the party has it.</param>
    /// <param name="authorityPem">The CA's certificate.</param>
    /// <param name="revocationPem">The CA's list.</param>
    /// <param name="time">The clock.</param>
    public void Create(ProjectFile project, X509Certificate2 certificate, ECDsa? key, string authorityPem, string revocationPem, TimeProvider time)
    {
        DurableFiles.MakeFolder(System.IO.Path.GetDirectoryName(Path)!);
        DurableFiles.WriteFolder(Path, folder =>
        {
            string In(string name) => System.IO.Path.Combine(folder, name);
            if (key is not null)
            {
                DurableFiles.Write(In(KitFiles.Key), key.ExportPkcs8PrivateKeyPem() + "\n", FileKind.Private);
            }

            DurableFiles.Write(In(KitFiles.Certificate), certificate.ExportCertificatePem() + "\n");
            DurableFiles.Write(In(KitFiles.Authority), authorityPem);
            DurableFiles.Write(In(KitFiles.Revoked), revocationPem);
            DurableFiles.Write(In(KitFiles.Configuration(Party.Role)), KitTemplates.Configuration(Party, project), FileKind.Private);
            if (Party.Role is PartyRole.Server or PartyRole.Site)
            {
                DurableFiles.Write(In(KitFiles.Start), KitTemplates.StartScript(Party), FileKind.Program);
                DurableFiles.Write(In(KitFiles.Unit(Party)), KitTemplates.Unit(Party, project));
            }
        });
        Zip(time);
    }

    /// <summary>Puts another certificate for the same key there.</summary>
    public void Replace(X509Certificate2 certificate, TimeProvider time)
    {
        DurableFiles.Write(File(KitFiles.Certificate), certificate.ExportCertificatePem() + "\n");
        Zip(time);
    }

    /// <summary>Mends what a run that was killed has left: puts the newest list there, and zips where that is missing.</summary>
    public void Update(string revocationPem, TimeProvider time)
    {
        string revoked = File(KitFiles.Revoked);
        bool isOld = !System.IO.File.Exists(revoked) || System.IO.File.ReadAllText(revoked) != revocationPem;
        if (isOld)
        {
            DurableFiles.Write(revoked, revocationPem);
        }

        if (isOld || !System.IO.File.Exists(_zip) || System.IO.File.GetLastWriteTimeUtc(_zip) < System.IO.File.GetLastWriteTimeUtc(File(KitFiles.Certificate)))
        {
            Zip(time);
        }
    }

    /// <summary>Puts the kit out of the way. The zip is removed; the folder may be where the party works, with data of its own in it.</summary>
    public string MoveAway(string kits, string serial)
    {
        System.IO.File.Delete(_zip);
        string folder = System.IO.Path.Combine(kits, "revoked");
        DurableFiles.MakeFolder(folder);
        string target = System.IO.Path.Combine(folder, $"{Party.Word(Party.Role)}-{Party.Name}-{serial.ToLowerInvariant()}");
        DurableName.RenameFolder(Path, target);
        return target;
    }

    /// <summary>A zip that unpacks to one folder, with the files' modes; as private as the key inside.</summary>
    private void Zip(TimeProvider time)
    {
        string root = System.IO.Path.GetFileName(Path);
        DurableFiles.Write(_zip, FileKind.Private, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach (string path in Directory.GetFiles(Path).Where(path => !path.EndsWith(DurableFiles.Unfinished, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            {
                string name = System.IO.Path.GetFileName(path);
                ZipArchiveEntry entry = zip.CreateEntry($"{root}/{name}");
                entry.LastWriteTime = time.GetUtcNow();
                entry.ExternalAttributes = (RegularFile | (int)DurableFiles.Mode(KindOf(name))) << 16;
                using Stream to = entry.Open();
                using FileStream from = System.IO.File.OpenRead(path);
                from.CopyTo(to);
            }
        });
    }

    private FileKind KindOf(string name) =>
        name == KitFiles.Key || name == KitFiles.Configuration(Party.Role) ? FileKind.Private
        : name == KitFiles.Start ? FileKind.Program
        : FileKind.Public;

    private string File(string name) => System.IO.Path.Combine(Path, name);
}
