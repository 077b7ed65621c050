using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>y = x Wᵀ, without bias. x is rows by inputs, W outputs by inputs, y rows by outputs.</summary>
internal static class Linear
{
    /// <summary>y = x Wᵀ; with <paramref name="accumulate"/> it is added to y (a residual connection).</summary>
    public static void Forward(Matrix x, Matrix weight, Matrix y, bool accumulate, Workers workers) =>
        MatrixProduct.TimesTransposed(x, weight, y, accumulate, workers);

    /// <summary>dW += dyᵀ x, and dx = dy W (or dx += dy W, where several layers read the same x).</summary>
    public static void Backward(
        Matrix x, Matrix weight, Matrix outputGradient, Matrix inputGradient, bool accumulate, Matrix weightGradient, Workers workers)
    {
        MatrixProduct.TransposedTimes(outputGradient, x, weightGradient, accumulate: true, workers);
        MatrixProduct.Times(outputGradient, weight, inputGradient, accumulate, workers);
    }
}
