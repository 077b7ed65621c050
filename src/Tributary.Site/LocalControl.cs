using Tributary.Federation.Aggregation;
using Tributary.Tensors;
using Tributary.Tensors.Safetensors;
using Tributary.Training;

namespace Tributary.Site;

/// <summary>How far a training moved this site's control variate: files, open for as long as the result may be read.</summary>
internal sealed class LocalControl : IDisposable
{
    private readonly SafetensorsFile _after;
    private readonly SafetensorsFile? _before;

    public LocalControl(ControlVariate control)
    {
        _after = SafetensorsFile.Open(control.LocalTo);
        _before = control.LocalFrom is { } from ? SafetensorsFile.Open(from) : null;
        Change = new DeltaSource(_after, _before is null ? new ZeroSource(_after) : _before);
    }

    /// <summary>The new one minus the one before.</summary>
    public TensorSource Change { get; }

    public void Dispose()
    {
        _after.Dispose();
        _before?.Dispose();
    }
}
