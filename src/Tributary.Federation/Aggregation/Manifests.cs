using Tributary.Tensors;

namespace Tributary.Federation.Aggregation;

/// <summary>Finds the tensors of one manifest in another that must hold the same.</summary>
public static class Manifests
{
    /// <summary>For each tensor of <paramref name="expected"/> its place in <paramref name="other"/>.</summary>
    /// <exception cref="TensorFormatException">A tensor is missing, has another shape or is one too many; it is named.</exception>
    public static int[] Align(TensorManifest expected, TensorManifest other)
    {
        int[] places = new int[expected.Count];
        for (int i = 0; i < places.Length; i++)
        {
            TensorSpec spec = expected[i].Spec;
            places[i] = other.IndexOf(spec.Name);
            if (places[i] < 0)
            {
                throw new TensorFormatException($"tensor '{spec.Name}' is missing");
            }

            TensorSpec found = other[places[i]].Spec;
            if (!found.Shape.Equals(spec.Shape) || !Fits(found.DType, spec.DType))
            {
                throw new TensorFormatException($"tensor '{spec.Name}' is {found.DType.Name()}{found.Shape}, but should be {spec.DType.Name()}{spec.Shape}");
            }
        }

        static bool Fits(DType found, DType wanted) => found == wanted || (found.IsTrainable() && wanted.IsTrainable());

        return other.Count == expected.Count
            ? places
            : throw new TensorFormatException($"tensor '{other.First(entry => expected.IndexOf(entry.Spec.Name) < 0).Spec.Name}' is not one of the model's");
    }
}
