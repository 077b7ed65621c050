using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tributary.Tensors;
using Tributary.Tensors.Checkpoints;

namespace Tributary.Training;

/// <summary>
/// A model with its adapters in its weights, W + s B A, in the types of the base: what gives without adapters what the base gives with them.
/// Computed tile by tile, in the memory of a tile and of one A.
/// </summary>
public sealed class MergedModel : TensorSource
{
    private readonly TensorSource _base;
    private readonly TensorSource _adapters;
    private readonly float _scaling;
    private readonly (int A, int B)?[] _pairs;

    /// <summary>Makes the view; neither source is disposed with it.</summary>
    /// <param name="baseModel">The weights, dense.</param>
    /// <param name="adapter">The adapters of some of them.</param>
    /// <exception cref="TensorFormatException">An adapter has no weight, no other half, or another shape than its weight needs.</exception>
    public MergedModel(TensorSource baseModel, PeftAdapter adapter)
    {
        _base = baseModel;
        _adapters = adapter.Weights;
        _scaling = (float)adapter.Scaling;
        _pairs = new (int, int)?[baseModel.Manifest.Count];
        var known = new HashSet<int>();
        for (int tensor = 0; tensor < _pairs.Length; tensor++)
        {
            TensorEntry entry = baseModel.Manifest[tensor];
            string name = entry.Spec.Name;
            if (!name.EndsWith(".weight", StringComparison.Ordinal))
            {
                continue;
            }

            int a = _adapters.Manifest.IndexOf(LoraConfig.NameOfA(name)), b = _adapters.Manifest.IndexOf(LoraConfig.NameOfB(name));
            if (a >= 0 && b >= 0)
            {
                Require(entry, a, b, adapter.Rank);
                _pairs[tensor] = (a, b);
                known.UnionWith([a, b]);
            }
        }

        for (int i = 0; i < _adapters.Manifest.Count; i++)
        {
            if (!known.Contains(i))
            {
                throw new TensorFormatException($"tensor '{_adapters.Manifest[i].Spec.Name}' of the adapter belongs to no weight of the base, or lacks its other half");
            }
        }
    }

    /// <inheritdoc/>
    public override TensorManifest Manifest => _base.Manifest;

    /// <summary>Merges checkpoint folders of any size.</summary>
    /// <param name="baseFolder">The base, a Hugging Face checkpoint folder.</param>
    /// <param name="adapterFolder">The adapters, in PEFT's layout.</param>
    /// <param name="outFolder">The folder to write; it must not be there yet.</param>
    /// <param name="progress">Told the bytes written so far; null for nobody.</param>
    /// <param name="cancellationToken">Ends the work; nothing stands under the output's name then.</param>
    /// <exception cref="TensorFormatException">The two do not fit together; the message says why.</exception>
    /// <exception cref="ModelFormatException">The adapter's configuration is malformed or not supported.</exception>
    /// <exception cref="IOException">The output is there already, or cannot be written.</exception>
    public static void Write(string baseFolder, string adapterFolder, string outFolder, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        string partial = outFolder.TrimEnd(Path.DirectorySeparatorChar) + ".partial";
        foreach (string path in new[] { outFolder, partial })
        {
            if (Path.Exists(path))
            {
                throw new IOException($"{path}: is there already; give another name, or remove it");
            }
        }

        using Checkpoint checkpoint = Checkpoint.Open(baseFolder);
        using PeftAdapter adapter = PeftAdapter.Open(adapterFolder);
        if (adapter.BaseDigest is { } expected && CheckpointDigest.Of(checkpoint, cancellationToken) is { } found && found != expected)
        {
            throw new TensorFormatException(
                $"{adapterFolder}: was trained on a base with the digest {expected}, but {baseFolder} has {found}; give the folder of the model that it was trained on");
        }

        using var merged = new MergedModel(checkpoint, adapter);
        using TensorSource watched = progress is null ? merged : new WatchedSource(merged, progress);
        Directory.CreateDirectory(partial);
        try
        {
            CheckpointCompanions.Copy(baseFolder, partial);
            CheckpointWriter.Write(watched, partial, cancellationToken: cancellationToken);
            Directory.Move(partial, outFolder);
        }
        catch
        {
            Directory.Delete(partial, recursive: true);
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        if (_pairs[tile.Tensor] is not { } pair)
        {
            _base.Read(tile, offset, destination);
            return;
        }

        TensorSpec spec = Manifest[tile.Tensor].Spec;
        int count = destination.Length / spec.DType.Size(), start = offset / spec.DType.Size();
        using NativeBuffer values = NativeBuffer.RentFloats(count);
        _base.ReadFloats(tile, start, values.Floats);
        AddProduct(pair, (tile.Index * Tile.ElementsMax) + start, checked((int)spec.Shape[1]), values.Floats);
        DenseFloats.Narrow(values.Floats, spec.DType, destination);
    }

    private static void Require(TensorEntry weight, TensorEntry a, TensorEntry b, int rank)
    {
        TensorShape shape = weight.Spec.Shape;
        if (!weight.IsDense || !weight.Spec.DType.IsTrainable() || shape.Count != 2)
        {
            throw new TensorFormatException($"tensor '{weight.Spec.Name}' of the base is {weight.Encoding.Name} {weight.Spec.DType.Name()} {shape}; adapters need a dense F32, F16 or BF16 matrix");
        }

        foreach ((TensorEntry matrix, TensorShape expected) in new[] { (a, new TensorShape(rank, shape[1])), (b, new TensorShape(shape[0], rank)) })
        {
            if (!matrix.Spec.Shape.Equals(expected) || !matrix.Spec.DType.IsTrainable())
            {
                throw new TensorFormatException(
                    $"tensor '{matrix.Spec.Name}' is {matrix.Spec.DType.Name()} {matrix.Spec.Shape}; beside '{weight.Spec.Name}' {shape} and with rank {rank} it should be a float {expected}");
            }
        }
    }

    /// <summary>values += s B A, for a run of the matrix's elements in the order of its rows, each row's terms in the order of the rank.</summary>
    private void AddProduct((int A, int B) pair, long begin, int columns, Span<float> values)
    {
        int rank = checked((int)_adapters.Manifest[pair.A].Spec.Shape[0]);
        long firstRow = begin / columns, rows = ((begin + values.Length - 1) / columns) - firstRow + 1;
        using NativeBuffer a = NativeBuffer.RentFloats(checked(rank * columns));
        using NativeBuffer b = NativeBuffer.RentFloats(checked((int)rows * rank));
        ReadRun(pair.A, 0, a.Floats);
        ReadRun(pair.B, firstRow * rank, b.Floats);
        for (long at = begin; at < begin + values.Length;)
        {
            (long row, int column) = (at / columns, (int)(at % columns));
            int length = (int)Math.Min(columns - column, begin + values.Length - at);
            Span<float> target = values.Slice((int)(at - begin), length);
            for (int k = 0; k < rank; k++)
            {
                AddScaled(a.Floats.Slice((k * columns) + column, length), _scaling * b.Floats[(int)((row - firstRow) * rank) + k], target);
            }

            at += length;
        }
    }

    /// <summary>Elements of a tensor of the adapters' file, which may be read from any byte on.</summary>
    private void ReadRun(int tensor, long begin, Span<float> values)
    {
        while (values.Length > 0)
        {
            (long tile, int start) = (begin / Tile.ElementsMax, (int)(begin % Tile.ElementsMax));
            int count = Math.Min(values.Length, Tile.ElementsMax - start);
            _adapters.ReadFloats(new Tile(tensor, tile), start, values[..count]);
            values = values[count..];
            begin += count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(ReadOnlySpan<float> source, float factor, Span<float> target)
    {
        ref float from = ref MemoryMarshal.GetReference(source), to = ref MemoryMarshal.GetReference(target);
        int i = 0;
        for (; i <= target.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<float> sum = Vector256.LoadUnsafe(ref to, (nuint)i) + (Vector256.LoadUnsafe(ref from, (nuint)i) * factor);
            sum.StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < target.Length; i++)
        {
            target[i] += source[i] * factor;
        }
    }

    private void Require(TensorEntry weight, int a, int b, int rank) => Require(weight, _adapters.Manifest[a], _adapters.Manifest[b], rank);
}
