namespace Tributary.Training;

/// <summary>Which tensors weight decay applies to.</summary>
public enum WeightDecayScope
{
    /// <summary>The matrices of linear layers: projections, adapters, and the output head where it is not the embedding.</summary>
    Linear,

    /// <summary>Those and the embedding: every tensor of two dimensions.</summary>
    Matrices,

    /// <summary>Every tensor, norms too: what PyTorch's AdamW does that is given all parameters as one group.</summary>
    All,
}

/// <summary>Which tensors a <see cref="WeightDecayScope"/> has in it.</summary>
internal static class WeightDecayScopes
{
    /// <summary>Whether tensors for that purpose decay.</summary>
    public static bool Has(this WeightDecayScope scope, ParameterKind kind) => scope switch
    {
        WeightDecayScope.Linear => kind == ParameterKind.Linear,
        WeightDecayScope.Matrices => kind != ParameterKind.Norm,
        _ => true,
    };
}
