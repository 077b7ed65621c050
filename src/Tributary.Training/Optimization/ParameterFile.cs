using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Training.Memory;

namespace Tributary.Training.Optimization;

/// <summary>Sets of parameters in a safetensors file; each set's tensors have its prefix before their names.</summary>
internal static class ParameterFile
{
    /// <summary>Writes a file, whole or not at all.</summary>
    public static void Write(string path, IEnumerable<(string Prefix, ParameterSet Set)> sets, IReadOnlyDictionary<string, string> metadata)
    {
        using var view = new ParameterView(sets.SelectMany(set => set.Set.All.Select(tensor => (set.Prefix + tensor.Name, tensor))));
        new SafetensorsWriter(view, metadata) { Threads = 1 }.WriteFile(path, CancellationToken.None);
    }

    /// <summary>Reads a set.</summary>
    /// <exception cref="TensorFormatException">It is not there, or not of these shapes; nothing is read then.</exception>
    public static void Read(SafetensorsFile file, string prefix, ParameterSet set)
    {
        int[] places = [.. set.All.Select(tensor => file.Manifest.IndexOf(prefix + tensor.Name))];
        for (int i = 0; i < places.Length; i++)
        {
            LlamaTensor tensor = set.All[i];
            TensorSpec? found = places[i] < 0 ? null : file.Manifest[places[i]].Spec;
            if (found is not { DType: DType.F32 } || !found.Shape.Equals(tensor.Shape))
            {
                throw new TensorFormatException(
                    $"{file.Path}: is of another model: tensor '{prefix + tensor.Name}' should be F32 {tensor.Shape}, but {(found is null ? "is missing" : $"is {found.DType.Name()} {found.Shape}")}; remove the file");
            }
        }

        for (int i = 0; i < places.Length; i++)
        {
            CheckpointTensors.Copy(file, places[i], set.All[i].Buffer);
        }
    }
}
