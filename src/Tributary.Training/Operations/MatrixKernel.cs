namespace Tributary.Training.Operations;

/// <summary>What computes products of matrices.</summary>
internal enum MatrixKernel
{
    /// <summary><see cref="BlockedProduct"/>: managed code, on every machine.</summary>
    Managed,

    /// <summary><see cref="Operations.OpenBlas"/>, where the system has it.</summary>
    OpenBlas,
}
