using System.Text.Json.Serialization;
using Tributary.Federation.Jobs;
using Tributary.Transport;

namespace Tributary.Simulation.Experiments.Roles;

/// <summary>What a process of an experiment is, and how it does it: the first line on its stdin, as JSON.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "role")]
[JsonDerivedType(typeof(ServerSettings), "server")]
[JsonDerivedType(typeof(SiteSettings), "site")]
[JsonDerivedType(typeof(SenderSettings), "sender")]
[JsonDerivedType(typeof(ReceiverSettings), "receiver")]
public abstract record RoleSettings;

/// <summary>
/// The server, with one job. Started again on the same folder and port with the same job, it goes on where it was.
/// </summary>
/// <param name="Job">The job; its sites and rounds, precision, exchange and streaming are kept to.</param>
/// <param name="RoundTrip">Whether the sites return a model each round, or a model is only sent to them, once.</param>
/// <param name="Model">The checkpoint that is sent: a folder or file.</param>
/// <param name="Folder">The server's folder; kept.</param>
/// <param name="Port">The loopback port; 0 for any that is free.</param>
/// <param name="SiteByToken">Each site's name by the bearer token that it shows.</param>
public sealed record ServerSettings(Job Job, bool RoundTrip, string Model, string Folder, int Port, IReadOnlyDictionary<string, string> SiteByToken) : RoleSettings;

/// <summary>A site. Started again on the same folder it goes on with what it has of a message.</summary>
/// <param name="Name">The site's name.</param>
/// <param name="Folder">The site's folder; kept.</param>
/// <param name="Server">The server's address, or that of a proxy before it.</param>
/// <param name="Token">The bearer token.</param>
/// <param name="Progress">When it gives a transfer up; null for the usual.</param>
/// <param name="Use">What its executor does with a model before it returns one.</param>
/// <param name="SleepSeconds">How long its executor then sleeps, as if it trained.</param>
public sealed record SiteSettings(
    string Name, string Folder, Uri Server, string Token, ProgressRule? Progress = null, ModelUse Use = ModelUse.Read, double SleepSeconds = 0) : RoleSettings;

/// <summary>What an experiment's executor does with the model that it receives.</summary>
public enum ModelUse
{
    /// <summary>Reads all of it at its original precision, as training does at its begin.</summary>
    Read,

    /// <summary>Nothing: tiles are read, and so decoded, as the result is sent.</summary>
    Lazy,

    /// <summary>Writes it to the disk at its original precision, as a trainer in a process of its own has it, and reads it from there.</summary>
    WriteOut,
}

/// <summary>The floor's sender: reads files and writes them into a socket.</summary>
/// <param name="Files">The files, one after the other; none to send what is in memory.</param>
/// <param name="Bytes">So many bytes, of files the first ones.</param>
/// <param name="BufferBytes">The bytes of a read and of a write.</param>
/// <param name="Port">The receiver's loopback port.</param>
public sealed record SenderSettings(IReadOnlyList<string> Files, long Bytes, int BufferBytes, int Port) : RoleSettings;

/// <summary>The floor's receiver: reads a socket and writes a file.</summary>
/// <param name="File">The file; null to forget what comes.</param>
/// <param name="Bytes">How many bytes there will be.</param>
/// <param name="BufferBytes">The bytes of a read and of a write, at most.</param>
public sealed record ReceiverSettings(string? File, long Bytes, int BufferBytes) : RoleSettings;
