using Tributary.Transport;

namespace Tributary.Server.Queue;

/// <summary>Jobs' models that somebody downloads: one offer of a file for all requests of it, so that its parts belong together.</summary>
internal sealed class OfferedModels : IDisposable
{
    // Each holds a file open. Who still downloads one that had to go begins anew.
    private const int OffersMax = 16;

    private readonly Lock _lock = new();
    private readonly LinkedList<(string Path, ServedObject Object)> _offers = new();

    /// <summary>The offer of a file; null where the file is gone.</summary>
    public ServedObject? Offer(string id, string path)
    {
        lock (_lock)
        {
            for (LinkedListNode<(string Path, ServedObject Object)>? node = _offers.First; node is not null; node = node.Next)
            {
                if (node.Value.Path == path && File.Exists(path))
                {
                    _offers.Remove(node);
                    _offers.AddFirst(node);
                    return node.Value.Object;
                }
            }

            Withdraw(offer => offer == path);
            if (!File.Exists(path))
            {
                return null;
            }

            while (_offers.Count >= OffersMax)
            {
                _offers.Last!.Value.Object.Dispose();
                _offers.RemoveLast();
            }

            return _offers.AddFirst((path, ServedObject.FromFile(id, path))).Value.Object;
        }
    }

    /// <summary>Ends offers, as of a job that is removed.</summary>
    public void Withdraw(Func<string, bool> isGone)
    {
        lock (_lock)
        {
            foreach ((string Path, ServedObject Object) offer in _offers.Where(offer => isGone(offer.Path)).ToArray())
            {
                offer.Object.Dispose();
                _offers.Remove(offer);
            }
        }
    }

    public void Dispose() => Withdraw(static _ => true);
}
