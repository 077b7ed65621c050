using Tributary.Federation.Jobs;
using Tributary.Simulation.Experiments.Roles;

namespace Tributary.Simulation.Aggregation;

/// <summary>
/// The bytes that a round cannot do without: what each file holds is read, sent and written once by whoever needs it, and of what is read
/// again at once, as parts are for their checksums, only the first time counts.
/// </summary>
/// <param name="options">What is measured.</param>
/// <param name="message">The length of the message to each site.</param>
/// <param name="result">The length of each site's.</param>
/// <param name="model">The length of a global model's file, fp32.</param>
internal sealed class RoundBytes(AggregationOptions options, long message, long result, long model)
{
    private readonly bool _isDelta = options.Exchange == Exchange.Delta;

    /// <summary>From the global model to every site's disk.</summary>
    /// <param name="isStored">Whether the message is the model's own bytes and never written at the server.</param>
    /// <param name="isChange">Whether it is a change, by which each site makes its new model of the last one.</param>
    public MovedBytes Download(bool isStored, bool isChange)
    {
        long sites = options.Sites;
        long encoding = isStored ? 0 : isChange ? 2 * model : model;
        return new MovedBytes(
            encoding + (sites * (message + (isChange ? message + model : 0))),
            0,
            sites * message,
            (isStored ? 0 : message) + (sites * (message + (isChange ? model : 0))));
    }

    /// <summary>From each site's received model over its result to the server's spool.</summary>
    /// <param name="received">The length of the file in which a site's model lies.</param>
    public MovedBytes Return(long received)
    {
        bool isWritten = options.Use == ModelUse.WriteOut;
        long sites = options.Sites;
        long trained = isWritten ? received + model : received;

        // A change is of the trained model against the received one, which is another file where it was written out.
        long base0 = _isDelta && isWritten ? received : 0;
        return new MovedBytes(
            sites * (trained + base0 + (options.Use == ModelUse.Read ? received : 0) + result),
            0,
            sites * result,
            sites * ((isWritten ? model : 0) + result + result));
    }

    /// <summary>From the spooled results to the next global model.</summary>
    /// <param name="diskRead">What came from the disk.</param>
    public MovedBytes Merge(long diskRead)
    {
        long read = (options.Sites * result) + (_isDelta ? model : 0);
        return new MovedBytes(read, Math.Min(diskRead, read), 0, model);
    }
}
