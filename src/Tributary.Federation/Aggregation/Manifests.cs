using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>Finds the tensors of one manifest in another that must hold the same.</summary>
public static class Manifests
{
    /// <summary>For each tensor of <paramref name="expected"/> its place in <paramref name="other"/>.</summary>
    /// <exception cref="TensorFormatException">A tensor is missing, has another shape or is one too many; it is named.</exception>
    public static int[] Align(TensorManifest expected, TensorManifest other)
    {
        int[] places = Find(expected, other);
        int missing = Array.FindIndex(places, static place => place < 0);
        if (missing >= 0)
        {
            throw new TensorFormatException($"tensor '{expected[missing].Spec.Name}' is missing");
        }

        RequireNoOther(expected, other);
        return places;
    }

    /// <summary>For each tensor of <paramref name="expected"/> its place in <paramref name="other"/>, or -1 where that lacks it.</summary>
    /// <exception cref="TensorFormatException">A tensor has another shape or is one too many; it is named.</exception>
    public static int[] AlignSome(TensorManifest expected, TensorManifest other)
    {
        int[] places = Find(expected, other);
        RequireNoOther(expected, other);
        return places;
    }

    private static int[] Find(TensorManifest expected, TensorManifest other)
    {
        int[] places = new int[expected.Count];
        for (int i = 0; i < places.Length; i++)
        {
            TensorSpec spec = expected[i].Spec;
            places[i] = other.IndexOf(spec.Name);
            TensorSpec found = places[i] < 0 ? spec : other[places[i]].Spec;
            if (!found.Shape.Equals(spec.Shape) || !Fits(found.DType, spec.DType))
            {
                throw new TensorFormatException($"tensor '{spec.Name}' is {found.DType.Name()}{found.Shape}, but should be {spec.DType.Name()}{spec.Shape}");
            }
        }

        return places;

        static bool Fits(DType found, DType wanted) => found == wanted || (found.IsTrainable() && wanted.IsTrainable());
    }

    private static void RequireNoOther(TensorManifest expected, TensorManifest other)
    {
        if (other.FirstOrDefault(entry => expected.IndexOf(entry.Spec.Name) < 0) is { } stranger)
        {
            throw new TensorFormatException($"tensor '{stranger.Spec.Name}' is not one of the model's");
        }
    }
}
