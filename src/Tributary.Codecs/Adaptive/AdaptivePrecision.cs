using Tributary.Tensors;

namespace Tributary.Codecs.Adaptive;

/// <summary>
/// Chooses a precision for each tensor of a source, by what each would lose of it: a knapsack, filled greedily. All tensors begin with the fewest bytes; then,
/// again and again, the step to more bytes is taken that saves most squared error a byte, until the budget is used or the bound is met.
/// </summary>
/// <remarks>
/// For options whose error falls ever slower with their bytes that is optimal but for the last step (Fox 1966, "Discrete optimization via marginal analysis"); options that
/// break this rule are left out first. The same source gives the same choice on every machine.
/// </remarks>
public static class AdaptivePrecision
{
    /// <summary>What is chosen from, for changes whose lost part is sent later.</summary>
    public static IReadOnlyList<Codec> Options { get; } = [Precision.TopK, Precision.TopK3, Precision.TopK6, Precision.Int1, Precision.Int2, Precision.Nf4, Precision.Int8, Precision.Bf16];

    /// <summary>The bytes of payload and meta of the smallest message there is of a source.</summary>
    public static long BytesMin(TensorManifest manifest) => manifest.Sum(entry => Options.Min(codec => ByteLength(entry.Spec, codec)));

    /// <summary>The precisions that lose least within a number of bytes.</summary>
    /// <param name="dense">The tensors.</param>
    /// <param name="bytesMax">The most bytes of payload and meta; below <see cref="BytesMin"/> everything is as small as can be.</param>
    /// <param name="weightOf">How much a tensor's squared error counts, by its name; null where all count alike.</param>
    public static IReadOnlyList<TensorChoice> WithinBytes(TensorSource dense, long bytesMax, Func<string, double>? weightOf = null)
    {
        Tensor[] tensors = Measure(dense, weightOf);

        // Tensors that no codec encodes go as they are, and count.
        long bytes = tensors.Sum(tensor => tensor.Chosen.Bytes) + dense.Manifest.Where(entry => !Options.Any(codec => codec.Encodes(entry.Spec.DType))).Sum(entry => entry.ByteLength);
        return Fill(tensors, step => (bytes += step.MoreBytes) <= bytesMax || (bytes -= step.MoreBytes) < 0, () => bytes >= bytesMax);
    }

    /// <summary>The precisions of the fewest bytes that lose no more than a share of the source.</summary>
    /// <param name="dense">The tensors.</param>
    /// <param name="errorMax">The largest norm of what is lost, as a share of the source's, above 0.</param>
    /// <param name="weightOf">How much a tensor's squares count, by its name; null where all count alike.</param>
    public static IReadOnlyList<TensorChoice> WithinError(TensorSource dense, double errorMax, Func<string, double>? weightOf = null)
    {
        Tensor[] tensors = Measure(dense, weightOf);
        double bound = errorMax * errorMax * tensors.Sum(tensor => tensor.Weight * tensor.Energy);
        return Fill(tensors, static _ => true, () => tensors.Sum(tensor => tensor.Weight * tensor.Chosen.Error) <= bound);
    }

    private static TensorChoice[] Fill(Tensor[] tensors, Func<Step, bool> take, Func<bool> isDone)
    {
        // The earlier tensor first where two steps are worth the same.
        var steps = new PriorityQueue<Step, (double Worth, int Place)>();
        foreach (Tensor tensor in tensors)
        {
            Offer(tensor);
        }

        while (!isDone() && steps.TryDequeue(out Step? step, out _))
        {
            // One that does not fit is left; a smaller one of another tensor may.
            if (take(step))
            {
                step.Tensor.Level++;
                Offer(step.Tensor);
            }
        }

        return [.. tensors.Select(tensor => new TensorChoice(tensor.Name, tensor.Chosen.Codec, tensor.Chosen.Bytes, tensor.Chosen.Error, tensor.Energy))];

        void Offer(Tensor tensor)
        {
            if (tensor.Level + 1 < tensor.Options.Count)
            {
                Option next = tensor.Options[tensor.Level + 1];
                double worth = tensor.Weight * (tensor.Chosen.Error - next.Error) / (next.Bytes - tensor.Chosen.Bytes);
                steps.Enqueue(new Step(tensor, next.Bytes - tensor.Chosen.Bytes), (-worth, tensor.Place));
            }
        }
    }

    private static Tensor[] Measure(TensorSource dense, Func<string, double>? weightOf)
    {
        var tensors = new List<Tensor>();
        for (int place = 0; place < dense.Manifest.Count; place++)
        {
            TensorSpec spec = dense.Manifest[place].Spec;
            Codec[] codecs = [.. Options.Where(codec => codec.Encodes(spec.DType))];
            if (codecs.Length == 0)
            {
                continue;
            }

            (double energy, double[] errors) = SampledErrors.Of(dense, place, codecs);
            IEnumerable<Option> options = codecs.Select((codec, at) => new Option(codec, ByteLength(spec, codec), errors[at]));
            tensors.Add(new Tensor(spec.Name, place, weightOf?.Invoke(spec.Name) ?? 1, energy, Hull(options)));
        }

        return [.. tensors];
    }

    /// <summary>Those options of which each saves less error a byte than the one before: the lower convex hull.</summary>
    private static List<Option> Hull(IEnumerable<Option> options)
    {
        var hull = new List<Option>();
        foreach (Option option in options.OrderBy(option => option.Bytes).ThenBy(option => option.Error))
        {
            if (hull.Count > 0 && option.Error >= hull[^1].Error)
            {
                continue;
            }

            while (hull.Count > 1 && Slope(hull[^2], option) >= Slope(hull[^2], hull[^1]))
            {
                hull.RemoveAt(hull.Count - 1);
            }

            hull.Add(option);
        }

        return hull;

        static double Slope(Option from, Option to) => (from.Error - to.Error) / (to.Bytes - from.Bytes);
    }

    private static long ByteLength(TensorSpec spec, Codec codec) => new TensorEntry(spec, codec.Encodes(spec.DType) ? codec : TileEncoding.Dense).ByteLength;

    private sealed record Option(Codec Codec, long Bytes, double Error);

    private sealed record Step(Tensor Tensor, long MoreBytes);

    private sealed class Tensor(string name, int place, double weight, double energy, IReadOnlyList<Option> options)
    {
        public string Name => name;

        public int Place => place;

        public double Weight => weight;

        public double Energy => energy;

        public IReadOnlyList<Option> Options => options;

        public int Level { get; set; }

        public Option Chosen => options[Level];
    }
}
