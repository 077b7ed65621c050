using System.Numerics.Tensors;
using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;

namespace Tributary.Site.Processes;

/// <summary>
/// The model that a trainer returned: the tensors of its file, weights or changes of the received ones, and for those that it did not
/// return the received ones. Nothing is copied: tiles come from the file, or are added when they are read.
/// </summary>
internal sealed class ReturnedModel : TensorSource
{
    private readonly SafetensorsFile _file;
    private readonly TensorSource _received;
    private readonly TensorSource _trained;
    private readonly int[] _places;

    private ReturnedModel(SafetensorsFile file, TensorSource received, bool isDelta)
    {
        _file = file;
        _received = received;
        int[] returned = [.. file.Manifest.Select(entry => received.Manifest.IndexOf(entry.Spec.Name))];
        if (returned.Contains(-1))
        {
            throw new TrainerFaultException(
                $"returned a tensor '{file.Manifest[Array.IndexOf(returned, -1)].Spec.Name}', which is not one of the model's; return tensors under the names they were received by");
        }

        try
        {
            var replaced = new SelectedTensors(received, returned);
            Manifests.Align(replaced.Manifest, file.Manifest);
            _trained = isDelta ? new AppliedDelta(replaced, file) : file;
        }
        catch (TensorFormatException e)
        {
            throw new TrainerFaultException($"returned another model than it was given: {e.Message}", e);
        }

        _places = [.. received.Manifest.Select(entry => _trained.Manifest.IndexOf(entry.Spec.Name))];
        Manifest = new TensorManifest(_places.Select((place, tensor) => place < 0 ? received.Manifest[tensor] : _trained.Manifest[place]));
    }

    public override TensorManifest Manifest { get; }

    /// <summary>Opens what was returned, and looks at every value of it.</summary>
    /// <exception cref="TrainerFaultException">The file cannot be read, has other tensors than the received model, or a value that is not finite.</exception>
    public static ReturnedModel Open(string path, TensorSource received, bool isDelta, CancellationToken cancellationToken)
    {
        SafetensorsFile file;
        try
        {
            file = SafetensorsFile.Open(path);
        }
        catch (Exception e) when (e is TensorFormatException or IOException or UnauthorizedAccessException)
        {
            throw new TrainerFaultException($"returned a file that is no safetensors file: {e.Message}", e);
        }

        try
        {
            var model = new ReturnedModel(file, received, isDelta);
            RequireFinite(file, cancellationToken);
            return model;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override void Read(Tile tile, int offset, Span<byte> destination)
    {
        int place = _places[tile.Tensor];
        if (place < 0)
        {
            _received.Read(tile, offset, destination);
        }
        else
        {
            _trained.Read(tile with { Tensor = place }, offset, destination);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _file.Dispose();
        base.Dispose(disposing);
    }

    private static void RequireFinite(SafetensorsFile file, CancellationToken cancellationToken)
    {
        foreach (Tile tile in file.Manifest.Tiles())
        {
            TensorSpec spec = file.Manifest[tile.Tensor].Spec;
            if (!spec.DType.IsTrainable())
            {
                continue;
            }

            cancellationToken.ThrowIfCancellationRequested();
            using NativeBuffer values = NativeBuffer.RentFloats(spec.TileElements(tile.Index));
            file.ReadFloats(tile, 0, values.Floats);
            if (!TensorPrimitives.IsFiniteAll<float>(values.Floats))
            {
                int at = 0;
                while (float.IsFinite(values.Floats[at]))
                {
                    at++;
                }

                throw new TrainerFaultException(
                    $"returned {values.Floats[at]} at element {(tile.Index * Tile.ElementsMax) + at} of tensor '{spec.Name}'; its training has diverged. Lower the learning rate");
            }
        }
    }
}
