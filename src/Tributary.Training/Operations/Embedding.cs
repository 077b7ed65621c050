using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>A row of the table for every token.</summary>
internal static class Embedding
{
    /// <summary>y[r] = table[tokens[r]].</summary>
    public static void Forward(ReadOnlySpan<int> tokens, Matrix table, Matrix y)
    {
        for (int row = 0; row < tokens.Length; row++)
        {
            table.Row(tokens[row]).CopyTo(y.Row(row));
        }
    }

    /// <summary>dTable[tokens[r]] += dy[r], row after row, so that the order of the sums is fixed.</summary>
    public static void Backward(ReadOnlySpan<int> tokens, Matrix outputGradient, Matrix tableGradient)
    {
        for (int row = 0; row < tokens.Length; row++)
        {
            VectorMath.Add(outputGradient.Row(row), tableGradient.Row(tokens[row]));
        }
    }
}
