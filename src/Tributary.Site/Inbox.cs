using System.Security.Cryptography;
using System.Text;
using Tributary.Federation.Wire;

namespace Tributary.Site;

/// <summary>
/// Where messages arrive: each step's under a name of its own, so that what is there of one is never taken for another's of the same length,
/// also where the server does not know the digest yet. A message stays until another step's is fetched, so that a site that is started again
/// while it trains has it still.
/// </summary>
internal sealed class Inbox(string folder)
{
    private const string Prefix = "message-";
    private const int NameDigits = 16;

    /// <summary>Where a task's message arrives; those of other steps are removed.</summary>
    public string Open(TaskDocument task)
    {
        // The address is the server's text, so it is not used as a name.
        string address = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(task.Message.Path)));
        string name = $"{Prefix}{address[..NameDigits]}.safetensors";
        foreach (string path in Directory.GetFiles(folder, Prefix + "*").Where(path => !Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal)))
        {
            File.Delete(path);
        }

        return Path.Combine(folder, name);
    }

    /// <summary>Removes what is there, and the record of its parts, once the message is kept elsewhere.</summary>
    public void Clear()
    {
        foreach (string path in Directory.GetFiles(folder, Prefix + "*"))
        {
            File.Delete(path);
        }
    }
}
