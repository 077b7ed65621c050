using System.Globalization;
using Tributary.Privacy.Noise;

namespace Tributary.Privacy.Ledger;

/// <summary>The keys of rounds whose message is not safe yet, one file each, which nobody but its owner can read at any moment.</summary>
internal sealed class NoiseKeyFolder(string folder)
{
    /// <summary>Makes a round's key; it is on the disk when this returns.</summary>
    public NoiseKey Make(int round)
    {
        var key = NoiseKey.Create();
        string path = PathOf(round);
        string temporary = path + ".partial";
        // A leftover may have another mode.
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            using (var file = new FileStream(temporary, options))
            {
                file.Write(key.Bytes);
                file.Flush(flushToDisk: true);
            }

            DurableName.Rename(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        return key;
    }

    /// <summary>The key of a round that was spent.</summary>
    /// <exception cref="PrivacyLedgerException">It is gone, or another.</exception>
    public NoiseKey Read(int round, string fingerprint)
    {
        string path = PathOf(round);
        if (!File.Exists(path))
        {
            throw new PrivacyLedgerException($"{path}: round {round} is spent and its noise key was discarded; send the message that was made with it, since another would spend the round once more");
        }

        byte[] bytes = File.ReadAllBytes(path);
        return bytes.Length == NoiseKey.Length && new NoiseKey(bytes) is var key && key.Fingerprint == fingerprint
            ? key
            : throw new PrivacyLedgerException($"{path}: is not the noise key that round {round} was spent with; send the message that was made with it");
    }

    public void Discard(int round) => File.Delete(PathOf(round));

    private string PathOf(int round) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"round-{round:00000}.noise-key"));
}
